//! Whatever a seed holds, the agent neither panics nor writes outside its places, and the plan comes
//! out. Seeds here are the good seed of the golden cases with bytes changed, lines moved or pieces
//! of trouble put in.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::indexing_slicing, reason = "places are made to fit")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use nixvm_agent::plan::Options;
use nixvm_agent::run;
use nixvm_agent::step::Stage;
use nixvm_system::Scratch;
use proptest::prelude::*;

const FILES: &[&str] =
    &["meta-data", "user-data", "network-config", "lima.env", "param.env", "etc_environment"];
const TROUBLE: &[&str] = &[
    "\n",
    "\0",
    "\u{ff}",
    ": ",
    "- ",
    "{",
    "]",
    "&a *a",
    "<<: *b",
    "!!binary x",
    "|\n",
    "\t",
    "#",
    "../../etc/shadow",
    "/",
    "\u{2028}",
    "99999999999999999999",
    "-1",
    "root",
    "\"",
    "'",
    "\r\n",
    "users:\n- {name: x, homedir: /etc, shell: /bin/sh}\n",
    "mounts: [[a, /etc, 9p, x]]\n",
];

/// Provisioning of a file, whose text is [`DATA`].
const PROVIDED: &str = "LIMA_CIDATA_DATAFILE_00000002_PATH=/etc/given\n\
    LIMA_CIDATA_DATAFILE_00000002_OWNER=ht:games\nLIMA_CIDATA_DATAFILE_00000002_PERMISSIONS=640\n";
const DATA: &str = "provision.data/00000002";

fn good() -> BTreeMap<&'static str, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/base/seed");
    let read = |name: &&'static str| (*name, std::fs::read(folder.join(name)).unwrap());
    let mut files: BTreeMap<_, _> = FILES.iter().map(read).collect();
    files.entry("lima.env").or_default().extend_from_slice(PROVIDED.as_bytes());
    files
}

/// File, place and what to put there; or how many bytes to cut away.
fn edits() -> impl Strategy<Value = Vec<(usize, usize, Result<usize, u8>)>> {
    let edit = prop_oneof![(0..TROUBLE.len()).prop_map(Ok), any::<u8>().prop_map(Err)];
    prop::collection::vec((0..FILES.len(), any::<usize>(), edit), 1..6)
}

fn spoil(seed: &mut BTreeMap<&'static str, Vec<u8>>, edits: &[(usize, usize, Result<usize, u8>)]) {
    for (file, at, what) in edits {
        let text = seed.get_mut(FILES[*file]).unwrap();
        let at = if text.is_empty() { 0 } else { at % text.len() };
        match what {
            Ok(trouble) => drop(text.splice(at..at, TROUBLE[*trouble].bytes())),
            Err(length) => {
                let end = (at + usize::from(*length)).min(text.len());
                text.drain(at..end);
            }
        }
    }
}

fn run_all(seed: &BTreeMap<&'static str, Vec<u8>>) {
    let place = tempfile::tempdir().unwrap();
    let (folder, root) = (place.path().join("seed"), place.path().join("root"));
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in seed {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::create_dir(folder.join("provision.data")).unwrap();
    std::fs::write(folder.join(DATA), "given\n").unwrap();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/base/root");
    assert!(Command::new("cp").arg("-a").args([&base, &root]).status().unwrap().success());
    for stage in Stage::ALL {
        let mut system = Scratch::open(root.to_str().unwrap()).unwrap();
        let options = Options { script_limit: 1 };
        let code = run::stage(stage, folder.to_str(), &mut system, options, &mut |_| {});
        assert!(code <= 2);
    }
    let passwd = std::fs::read_to_string(root.join("etc/passwd")).unwrap();
    assert!(passwd.starts_with("root:x:0:0:root:/root:/bin/bash\n"), "root is as it was");
    for line in passwd.lines() {
        assert_eq!(line.split(':').count(), 7, "{line}");
    }
    let entries: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(entries.len(), 2, "something was written beside the machine");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_spoilt_seed_gives_a_report_and_keeps_the_account_files_whole(edits in edits()) {
        let mut seed = good();
        spoil(&mut seed, &edits);
        run_all(&seed);
    }
}
