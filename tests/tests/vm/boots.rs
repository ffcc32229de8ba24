//! A machine's first boot and the boots after it.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nixvm_e2e::client::Client;
use nixvm_e2e::client::forward::Forwarder;
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer;
use nixvm_e2e::rig::load::Watch;
use nixvm_e2e::rig::machine::{Machine, Share};
use nixvm_e2e::rig::seed::{Access, Mount, MountType, Seed};
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::vm::Vm;
use nixvm_e2e::rig::wait;
use serde_json::Value;

/// The boot time that holds on two idle cores without KVM.
const BOOT: Duration = Duration::from_secs(40);

const TAG: &str = "lima-0123456789abcdef";

/// A seed with something of everything.
fn seed(machine: &Machine) -> Result<Seed> {
    let script =
        |file: &str| format!("#!/bin/sh\n(pwd; id -un; env) >{file}\necho run >>{file}-runs\n");
    let mount = Mount { tag: TAG.into(), point: "/mnt/host".into(), access: Access::ReadWrite };
    Ok(Seed {
        keys: vec![machine.public_key()?],
        mounts: vec![mount],
        timezone: "Asia/Tokyo".into(),
        params: vec![("color".into(), "deep blue".into())],
        system: vec![
            (0, script("/var/tmp/system")),
            (2, "echo \"no shebang, $LIMA_CIDATA_USER\" >/var/tmp/plain\n".into()),
        ],
        user_scripts: vec![(1, script("$HOME/user"))],
        ..Seed::default()
    })
}

fn machine(name: &str) -> Result<(Machine, tempfile::TempDir)> {
    let mut machine = Machine::new(name, &layer::image(Arch::host()?)?)?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("from-host"), "hello from the host")?;
    // The guest's user may have another id than whoever runs the tests.
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everyone)?;
    machine.share(Share {
        tag: TAG.into(),
        folder: folder.path().to_owned(),
        kind: MountType::NineP,
    });
    Ok((machine, folder))
}

fn says(ssh: &Ssh, command: &str, expected: &str) -> Result<()> {
    let said = ssh.run(command)?;
    ensure!(said.trim_end() == expected, "`{command}` said\n{said}\nand not\n{expected}");
    Ok(())
}

pub fn first(tally: &mut Tally) -> Result<()> {
    let (mut machine, folder) = machine("first_boot")?;
    let seed = seed(&machine)?;
    let watch = Watch::begin()?;
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    tally.check("the_user_logs_in_by_key", || says(&ssh, "id -un", "ada"));
    let took = vm.boot_done(&ssh)?;
    in_time(tally, took, watch.others(vm.pid())?);
    account(tally, &ssh, &seed);
    system(tally, &ssh);
    tally.check("a_file_of_the_host_folder_is_read", || {
        says(&ssh, "cat /mnt/host/from-host", "hello from the host")
    });
    tally.check("a_file_of_the_host_folder_is_written", || {
        ssh.run("echo back >/mnt/host/from-guest")?;
        ensure!(std::fs::read_to_string(folder.path().join("from-guest"))? == "back\n");
        Ok(())
    });
    scripts(tally, &ssh);
    ports(tally, &vm, &ssh);
    calls(tally, &vm, &ssh);
    tally.check("status_tells_the_cpu_time_of_the_agent", || {
        let status = ssh.run("nixvm-agent status")?;
        let line = status.lines().find(|line| line.starts_with("cpu time"));
        line.map(|_| ()).with_context(|| format!("no such line in\n{status}"))
    });
    tally.check("nothing_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}

/// The time limit of a boot, where nothing else kept the processors busy meanwhile.
fn in_time(tally: &mut Tally, took: Duration, others: f64) {
    let name = "the_boot_is_done_within_40_seconds";
    tally.note(&format!("boot-done {:.1} s after power-on", took.as_secs_f64()));
    if others > 0.3 {
        return tally.skip(name, &format!("other work took {others:.1} processors meanwhile"));
    }
    tally.check(name, || {
        ensure!(took < BOOT, "{:.1} s", took.as_secs_f64());
        Ok(())
    });
}

fn account(tally: &mut Tally, ssh: &Ssh, seed: &Seed) {
    tally.check("the_user_has_the_uid_home_and_shell_of_the_seed", || {
        let home = seed.home();
        says(ssh, "getent passwd ada", &format!("ada:x:1000:1000:Ada Lovelace:{home}:/bin/bash"))
    });
    tally.check("the_home_belongs_to_the_user", || says(ssh, "stat -c %U:%G ~", "ada:ada"));
    tally.check("the_password_is_locked", || says(ssh, "sudo passwd --status ada | cut -c5", "L"));
    tally.check("sudo_asks_for_no_password", || says(ssh, "sudo -n id -un", "root"));
    tally.check("no_other_user_was_made", || {
        says(ssh, "getent passwd | awk -F: '$3>=1000 && $3<60000 {print $1}'", "ada")
    });
}

fn system(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_host_name_is_set", || {
        says(ssh, "hostname; cat /etc/hostname", "lima-test\nlima-test")
    });
    tally.check("the_time_zone_is_set", || says(ssh, "date +%Z", "JST"));
    tally.check("the_card_is_called_eth0_and_has_limas_address", || {
        says(ssh, "ip -4 -brief address show eth0 | awk '{print $3}'", "192.168.5.15/24")
    });
    tally.check("the_root_file_system_fills_the_disk", || {
        let size: u64 = ssh
            .run("df --block-size=M --output=size / | tail -1")?
            .trim()
            .trim_end_matches('M')
            .parse()?;
        ensure!(size > 3700, "{size} MiB of 4096");
        Ok(())
    });
    tally.check("the_seed_stays_mounted_for_root_only", || {
        says(ssh, "sudo cat /mnt/lima-cidata/meta-data | head -1", "instance-id: iid-1700000001")?;
        says(ssh, "ls /mnt/lima-cidata 2>/dev/null || echo refused", "refused")
    });
    tally.check("the_host_is_told_by_the_readiness_files", || {
        says(ssh, "cat /run/lima-ssh-ready /run/lima-boot-done", "iid-1700000001\niid-1700000001")
    });
    tally.check("there_is_no_cloud_init", || {
        says(ssh, "command -v cloud-init || echo none", "none")
    });
}

fn scripts(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_system_script_ran_as_root_with_its_environment", || {
        let said = ssh.run("cat /var/tmp/system")?;
        for line in [
            "/",
            "root",
            "LIMA_CIDATA_USER=ada",
            "LIMA_CIDATA_MNT=/mnt/lima-cidata",
            "PARAM_color=deep blue",
        ] {
            ensure!(said.lines().any(|other| other == line), "no line {line} in\n{said}");
        }
        Ok(())
    });
    tally.check("the_user_script_ran_in_the_home_with_its_environment", || {
        let said = ssh.run("cat ~/user")?;
        for line in
            ["/home/ada.guest", "ada", "XDG_RUNTIME_DIR=/run/user/1000", "PARAM_color=deep blue"]
        {
            ensure!(said.lines().any(|other| other == line), "no line {line} in\n{said}");
        }
        Ok(())
    });
    tally.check("a_script_without_shebang_runs", || {
        says(ssh, "cat /var/tmp/plain", "no shebang, ada")
    });
}

fn ports(tally: &mut Tally, vm: &Vm<'_>, ssh: &Ssh) {
    tally.check("a_port_opened_in_the_guest_answers_on_the_host", || {
        let socket = vm.machine().dir().join("ga.sock");
        ssh.forward("/run/lima-guestagent.sock", &socket)?;
        let forwarder = Forwarder::start(&socket, std::collections::BTreeMap::new())?;
        ssh.run("setsid socat TCP-LISTEN:8123,fork,reuseaddr EXEC:'echo hi' >/dev/null 2>&1 </dev/null &")?;
        let here = forwarder.wait_for(8123, Duration::from_secs(20))?;
        let mut stream = TcpStream::connect(here)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        ensure!(said == "hi\n", "the guest said {said:?}");
        ssh.run("pkill socat")?;
        Ok(())
    });
}

/// What Lima's host asks of the agent besides ports.
fn calls(tally: &mut Tally, vm: &Vm<'_>, ssh: &Ssh) {
    let socket = vm.machine().dir().join("calls.sock");
    tally.check("a_wrong_clock_is_set_to_the_hosts", || {
        ssh.forward("/run/lima-guestagent.sock", &socket)?;
        ssh.run("sudo date --set='-1 hour'")?;
        let answer = call(async || Client::connect(&socket).await?.sync_time().await)?;
        ensure!(answer.adjusted && answer.error.is_empty(), "{answer:?}");
        ensure!(answer.drift_ms < -3_500_000, "{answer:?}");
        let guest: u64 = ssh.run("date +%s")?.trim().parse()?;
        let host = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        ensure!(guest.abs_diff(host) < 10, "{guest} and {host}");
        Ok(())
    });
    tally.check("a_small_lag_of_the_clock_is_slewed", || {
        // After a few calls the guest is known, and only more than half a second is set.
        let ask = || call(async || Client::connect(&socket).await?.sync_time().await);
        (0..5).try_for_each(|_| ask().map(drop))?;
        ssh.run("sudo date --set='-0.25 seconds'")?;
        let answer = ask()?;
        ensure!(!answer.adjusted && answer.error.is_empty(), "{answer:?}");
        ensure!((-500..0).contains(&answer.drift_ms), "{answer:?}");
        Ok(())
    });
    tally.check("a_file_that_changed_on_the_host_gets_its_time_in_the_guest", || {
        let time = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        call(async || {
            let mut client = Client::connect(&socket).await?;
            client.file_changed("/mnt/host/from-host", time).await?;
            client.file_changed("/etc/passwd", time).await
        })?;
        // The call ends before the file is touched: nothing waits for a share.
        wait::until("the file's time", Duration::from_secs(20), || {
            let time = ssh.run("stat -c %Y /mnt/host/from-host")?;
            Ok((time.trim() == "1600000000").then_some(()))
        })?;
        ensure!(ssh.run("stat -c %Y /etc/passwd")?.trim() != "1600000000", "not a share");
        Ok(())
    });
}

/// Makes calls to the agent, for at most half a minute.
pub fn call<T>(body: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let limit = Duration::from_secs(30);
    runtime.block_on(async { tokio::time::timeout(limit, body()).await.context("the call")? })
}

/// A second boot with the same seed and a third with a new instance-id, as Lima starts machines.
pub fn later(tally: &mut Tally) -> Result<()> {
    let (mut machine, _folder) = machine("later_boots")?;
    let mut seed = seed(&machine)?;
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    ssh.run("echo 'ssh-ed25519 AAAAhand added by hand' >>~/.ssh/authorized_keys")?;
    ssh.run("echo 'ada:correct horse' | sudo chpasswd")?;
    let before = identity(&ssh)?;
    drop(ssh);
    vm.shutdown()?;

    for (boot, iid) in [("second_boot", "iid-1700000001"), ("new_instance_id", "iid-1700000777")] {
        iid.clone_into(&mut seed.iid);
        let mut vm = machine.boot(&seed)?;
        let ssh = vm.ssh()?;
        vm.boot_done(&ssh)?;
        let report = ssh.run("nixvm-agent status --json")?;
        tally
            .check(&format!("{boot}_repeats_no_lasting_step"), || nothing_lasting_changed(&report));
        tally.check(&format!("{boot}_keeps_hand_added_keys_passwords_and_host_keys"), || {
            let after = identity(&ssh)?;
            ensure!(after == before, "before:\n{before}\nafter:\n{after}");
            Ok(())
        });
        tally.check(&format!("{boot}_tells_the_host_its_instance_id"), || {
            says(&ssh, "cat /run/lima-boot-done", iid)
        });
        let runs = if boot == "second_boot" { "2\n2" } else { "3\n3" };
        tally.check(&format!("{boot}_runs_every_boot_scripts_once"), || {
            says(&ssh, "cat /var/tmp/system-runs | wc -l; cat ~/user-runs | wc -l", runs)
        });
        tally.check(&format!("{boot}_mounts_the_host_folder"), || {
            says(&ssh, "cat /mnt/host/from-host", "hello from the host")
        });
        tally.check(&format!("{boot}_leaves_nothing_failed"), || vm.check_health(&ssh, &[]));
        drop(ssh);
        vm.shutdown()?;
    }
    Ok(())
}

/// What only a first boot may decide.
fn identity(ssh: &Ssh) -> Result<String> {
    ssh.run(
        "cat ~/.ssh/authorized_keys; sudo grep ^ada: /etc/passwd /etc/shadow /etc/group; \
         sudo sha256sum /etc/ssh/ssh_host_* /etc/machine-id; sudo cat /etc/sudoers.d/*",
    )
}

fn nothing_lasting_changed(report: &str) -> Result<()> {
    let report: Value = serde_json::from_str(report)?;
    let stages = report.get("stages").and_then(Value::as_array).context("no stages")?;
    let outcomes = stages.iter().filter_map(|stage| stage.get("outcomes")?.as_array()).flatten();
    let text = |outcome: &Value, key: &str| {
        outcome.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let lasting: Vec<&Value> =
        outcomes.filter(|outcome| text(outcome, "lifetime") == "disk").collect();
    ensure!(lasting.len() > 3, "only {} lasting steps in\n{report:#}", lasting.len());
    let changed: Vec<String> = lasting
        .iter()
        .filter(|outcome| text(outcome, "result") != "unchanged")
        .map(|outcome| text(outcome, "title"))
        .collect();
    ensure!(changed.is_empty(), "done again: {changed:?}");
    Ok(())
}
