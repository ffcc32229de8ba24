//! The double that does nothing foretells what a machine does: the same calls, by chance, on it and
//! on a machine, give the same answers, and what is read afterwards is the same too.

#![allow(clippy::indexing_slicing, reason = "places are named by numbers below their count")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use nixvm_system::{
    Attrs, Change, Clock, Command, Commands, Difference, Dry, Files, GuestPath, Host, Links,
    MountSpec, Mounts, Owner, Scratch, System, WriteError,
};
use proptest::prelude::*;

const PLACES: &[&str] = &[
    "/etc/a",
    "/etc/b",
    "/etc/new/x",
    "/etc/new",
    "/linked/a",
    "/home/ht/.ssh/keys",
    "/home/ht/.ssh",
    "/home/ht/link/keys",
    "/etc/a/below",
    "/etc/to-b",
];

fn path(text: &str) -> GuestPath {
    GuestPath::new(text).unwrap()
}

/// A folder with files, folders, and links to both.
fn laid_out() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let below = |name: &str| folder.path().join(name);
    for name in ["etc", "home/ht", "run"] {
        std::fs::create_dir_all(below(name)).unwrap();
    }
    std::fs::write(below("etc/b"), "b\n").unwrap();
    symlink("/etc", below("linked")).unwrap();
    symlink("/etc", below("home/ht/link")).unwrap();
    symlink("b", below("etc/to-b")).unwrap();
    for (name, mode) in [("etc", 0o755), ("home/ht", 0o755), ("run", 0o755), ("etc/b", 0o644)] {
        std::fs::set_permissions(below(name), Permissions::from_mode(mode)).unwrap();
    }
    folder
}

fn machine() -> (tempfile::TempDir, Scratch) {
    let folder = laid_out();
    let scratch = Scratch::open(folder.path().to_str().unwrap()).unwrap();
    (folder, scratch)
}

/// The truth: what a scratch folder writes down of owners goes by name, and not by place.
fn host() -> (tempfile::TempDir, Host) {
    let folder = laid_out();
    let host = Host::below(folder.path().to_str().unwrap()).unwrap();
    (folder, host)
}

#[derive(Clone, Debug)]
enum Call {
    Write(usize, String, u32, bool),
    MakeDir(usize, u32, bool),
    Link(usize, usize),
    Remove(usize),
    SetMode(usize, u32),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let place = 0..PLACES.len();
    let mode = prop_oneof![Just(0o644_u32), Just(0o600)];
    let call =
        prop_oneof![
            (place.clone(), "[ab]\n", mode.clone(), any::<bool>())
                .prop_map(|(at, text, mode, user)| Call::Write(at, text, mode, user)),
            (place.clone(), mode.clone(), any::<bool>())
                .prop_map(|(at, mode, user)| Call::MakeDir(at, mode | 0o111, user)),
            (place.clone(), place.clone()).prop_map(|(at, to)| Call::Link(at, to)),
            place.clone().prop_map(Call::Remove),
            (place, mode).prop_map(|(at, mode)| Call::SetMode(at, mode)),
        ];
    proptest::collection::vec(call, 1..6)
}

/// The answer of a call, as far as it is the same everywhere.
fn call(system: &mut dyn System, call: &Call) -> Option<Change> {
    let home = path("/home/ht");
    let links = |user: bool| if user { Links::RefuseBelow(&home) } else { Links::Follow };
    let own = system.stat(&GuestPath::root()).unwrap().unwrap().owner;
    // Only root may give files away.
    let is_given = |user: bool| user && own == Owner::ROOT;
    let owner = |user: bool| if is_given(user) { Owner { uid: 501, gid: 20 } } else { own };
    let done = match call {
        Call::Write(at, text, mode, user) => {
            let attrs = Attrs { mode: *mode, owner: owner(*user) };
            system.write(&path(PLACES[*at]), text.as_bytes(), attrs, links(*user))
        }
        Call::MakeDir(at, mode, user) => {
            let attrs = Attrs { mode: *mode, owner: owner(*user) };
            system.make_dir(&path(PLACES[*at]), attrs, links(*user))
        }
        Call::Link(at, to) => system.link(&path(PLACES[*at]), PLACES[*to]),
        Call::Remove(at) => system.remove(&path(PLACES[*at])),
        Call::SetMode(at, mode) => system.set_mode(&path(PLACES[*at]), *mode),
    };
    done.ok()
}

/// All that can be seen of a machine.
fn seen(system: &dyn System) -> String {
    let mut text = String::new();
    for place in PLACES {
        let stat = system.stat(&path(place)).ok().flatten();
        let stat = stat.map(|stat| (stat.kind, stat.mode, stat.owner));
        let read = system.read(&path(place), 99).ok().flatten();
        let link = system.read_link(&path(place)).ok().flatten();
        text.push_str(&format!("{place} {stat:?} {read:?} {link:?}\n"));
    }
    for folder in ["/etc", "/home/ht", "/linked"] {
        text.push_str(&format!("{folder} {:?}\n", system.list(&path(folder)).ok().flatten()));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_global_rejects: 8192, ..ProptestConfig::default() })]

    #[test]
    fn what_is_foretold_happens(calls in calls()) {
        let (_folder, mut real) = host();
        let (_other, twin) = host();
        let before = seen(&twin);
        let mut dry = Dry::new(&twin);
        for one in &calls {
            let done = call(&mut real, one);
            // A call that a machine refuses may be foretold as done; what is done may not be refused.
            prop_assume!(done.is_some());
            prop_assert_eq!(call(&mut dry, one), done, "{:?}", one);
        }
        prop_assert_eq!(seen(&dry), seen(&real));
        prop_assert_eq!(seen(&twin), before, "something was done");
    }
}

#[test]
fn what_was_taken_back_is_no_difference() {
    let (_folder, scratch) = machine();
    let mut dry = Dry::new(&scratch);
    let root = Attrs::root(0o644);
    dry.write(&path("/run/x/check"), b"c", root, Links::Follow).unwrap();
    dry.remove(&path("/run/x/check")).unwrap();
    dry.write(&path("/etc/b"), b"b\n", root, Links::Follow).unwrap();
    let paths = |dry: &mut Dry<'_>| -> Vec<String> {
        let all = dry.differences().into_iter();
        all.map(|it| match it {
            Difference::Place { path, .. } => path.to_string(),
            Difference::Effect(text) => text,
        })
        .collect()
    };
    assert_eq!(paths(&mut dry), [""; 0]);
    dry.write(&path("/etc/new/x"), b"x", root, Links::Follow).unwrap();
    assert_eq!(paths(&mut dry), ["/etc/new/x"], "its folder goes without saying");
    assert_eq!(paths(&mut dry), [""; 0], "each is told once");
}

#[test]
fn what_would_be_mounted_is_mounted_for_the_next_step_and_links_are_refused() {
    let (_folder, scratch) = machine();
    let mut dry = Dry::new(&scratch);
    let spec = |target: &str| MountSpec {
        source: "tag".to_owned(),
        target: path(target),
        fstype: "9p".to_owned(),
        options: String::new(),
    };
    let home = path("/home/ht");
    let links = Links::RefuseBelow(&home);
    assert!(dry.mount(&spec("/home/ht/link"), links).is_err());
    assert!(dry.mount(&spec("/no/such"), Links::Follow).is_err());
    dry.make_dir(&path("/mnt"), Attrs::root(0o755), Links::Follow).unwrap();
    dry.mount(&spec("/mnt"), Links::Follow).unwrap();
    assert_eq!(dry.mounts().unwrap().len(), 1);
    assert_eq!(scratch.mounts().unwrap(), []);
    assert!(matches!(dry.differences().as_slice(), [_, Difference::Effect(_)]));
}

#[test]
fn no_program_runs_no_lock_is_taken_and_no_clock_is_set() {
    let (folder, scratch) = machine();
    let mut dry = Dry::new(&scratch);
    let mark = folder.path().join("mark");
    dry.run(&Command::tool("touch", &[mark.to_str().unwrap()])).unwrap();
    let lock: Result<_, WriteError> = dry.lock(&path("/etc/lock"), std::time::Duration::ZERO);
    lock.unwrap();
    dry.set_now(std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(dry.now(), scratch.now());
    assert!(!mark.exists() && !folder.path().join("etc/lock").exists());
    assert_eq!(scratch.commands().len(), 0);
}
