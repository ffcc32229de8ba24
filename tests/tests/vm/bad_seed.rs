//! Seeds with faults, on a real machine: it stays reachable. Which finding each fault gives is in the
//! agent's own cases.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer::{self, Install};
use nixvm_e2e::rig::machine::Machine;
use nixvm_e2e::rig::seed::Seed;
use nixvm_e2e::rig::suite::Tally;

/// The unit of the last stage, with a limit for scripts that a test can wait for.
const SHORT_LIMIT: &str =
    "[Service]\nExecStart=\nExecStart=/usr/bin/nixvm-agent run --stage late --script-limit 10\n";
const DROP_IN: &str = "/etc/systemd/system/nixvm-agent-late.service.d/limit.conf";

/// A script that fails, one that never ends, and a uid that belongs to somebody else: root.
pub fn scripts_and_uid(tally: &mut Tally) -> Result<()> {
    let mut limit = tempfile::NamedTempFile::new()?;
    limit.write_all(SHORT_LIMIT.as_bytes())?;
    let extra = Install { from: limit.path().to_owned(), to: DROP_IN.into(), mode: 0o644 };
    let image = layer::image_with(Arch::host()?, &[extra])?;
    let mut machine = Machine::new("bad_scripts_and_a_taken_uid", &image)?;
    let seed = Seed {
        keys: vec![machine.public_key()?],
        uid: 1,
        system: vec![
            (0, "#!/bin/sh\nexit 3\n".into()),
            (1, "#!/bin/sh\nsleep 7777 & sleep 7777\n".into()),
            (2, "#!/bin/sh\necho ran >/var/tmp/third\n".into()),
        ],
        ..Seed::default()
    };
    let begin = Instant::now();
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    tally.check("the_user_logs_in_although_the_uid_is_taken", || {
        let said = ssh.run("id -un; id -u")?;
        let (name, uid) = said.trim().split_once('\n').context("two lines")?;
        ensure!(name == "ada" && uid.parse::<u32>()? >= 1000, "{said}");
        Ok(())
    });
    vm.boot_done(&ssh)?;
    tally.note(&format!("boot done {:.0} s after power-on", begin.elapsed().as_secs_f64()));
    tally.check("the_script_after_them_ran", || {
        ensure!(ssh.run("cat /var/tmp/third")? == "ran\n");
        Ok(())
    });
    tally.check("the_hanging_script_and_its_children_are_gone", || {
        let said = ssh.run("pgrep -f 'sleep 777[7]' || echo none")?;
        ensure!(said == "none\n", "{said}");
        Ok(())
    });
    tally.check("status_names_what_failed", || {
        let said = ssh.output("nixvm-agent status")?;
        ensure!(said.status.code() == Some(2), "{}: {}", said.status, said.stdout);
        for word in ["00000000", "00000001"] {
            let named = |line: &&str| line.contains("failed") && line.contains(word);
            ensure!(said.stdout.lines().any(|line| named(&line)), "no {word} in\n{}", said.stdout);
        }
        Ok(())
    });
    tally.check("no_unit_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}

/// A machine whose medium was taken out has nothing that tells it of its network, but it boots, and
/// keeps what earlier boots made.
pub fn no_medium(tally: &mut Tally) -> Result<()> {
    let mut machine = Machine::new("no_medium", &layer::image(Arch::host()?)?)?;
    let seed = Seed { keys: vec![machine.public_key()?], ..Seed::default() };
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    drop(ssh);
    vm.shutdown()?;

    let vm = machine.boot_without_seed(&seed.user, &seed.mac)?;
    let asked = |command: &str| vm.console().run(command, Duration::from_mins(3));
    tally.check("the_machine_boots_to_a_login_without_a_seed", || {
        ensure!(asked("id -un")?.trim() == "root");
        Ok(())
    });
    tally.check("the_user_of_an_earlier_boot_and_the_key_are_still_there", || {
        let said = asked("grep -c rig ~ada/.ssh/authorized_keys")?;
        ensure!(said.trim() == "1", "{said}");
        Ok(())
    });
    tally.check("the_report_says_that_there_is_no_seed", || {
        let said = asked("journalctl --boot --output cat --unit 'nixvm-agent-*' | grep 'no seed'")?;
        ensure!(said.contains("no seed found"), "{said}");
        Ok(())
    });
    tally.check("no_unit_of_ours_failed", || {
        let said = asked("systemctl list-units --failed --plain --no-legend 'nixvm-*' | cat")?;
        ensure!(said.trim().is_empty(), "{said}");
        Ok(())
    });
    vm.shutdown()
}
