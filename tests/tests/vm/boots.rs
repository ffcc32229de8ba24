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

use crate::resolver::{self, Resolver};

/// The boot time that holds on two idle cores without KVM.
const BOOT: Duration = Duration::from_secs(40);

const DEPENDENCY: &str = "/var/tmp/dependency";
const TAG: &str = "lima-0123456789abcdef";

/// A mount point that is no YAML the way Lima writes it, and the tag of its share.
const ODD: (&str, &str) = ("lima-00000000000000cc", "/mnt/a, b #c]");

const PROXY: &str = "http://192.168.5.2:2121";

/// A seed with something of everything.
fn seed(machine: &Machine) -> Result<Seed> {
    let script =
        |file: &str| format!("#!/bin/sh\n(pwd; id -un; env) >{file}\necho run >>{file}-runs\n");
    let mount = Mount { tag: TAG.into(), point: "/mnt/host".into(), access: Access::ReadWrite };
    let odd = Mount { tag: ODD.0.into(), point: ODD.1.into(), access: Access::ReadOnly };
    let environment = format!("#LIMA-START\nFTP_PROXY={PROXY}\nftp_proxy={PROXY}\n#LIMA-END\n");
    Ok(Seed {
        keys: vec![machine.public_key()?],
        mounts: vec![mount, odd],
        timezone: "Asia/Tokyo".into(),
        params: vec![("color".into(), "deep blue".into())],
        files: [provisioned(), vec![("etc_environment".into(), environment)]].concat(),
        env: PROVISIONED.map(|(key, value)| (key.into(), value.into())).to_vec(),
        boot: vec!["(pwd; env; ip -4 -brief address) >/var/tmp/boot".into()],
        system: vec![
            (0, script("/var/tmp/system")),
            (2, "echo \"no shebang, $LIMA_CIDATA_USER\" >/var/tmp/plain\n".into()),
            (6, "echo said by the script >/dev/stderr\n".into()),
        ],
        user_scripts: vec![(1, script("$HOME/user"))],
        ..Seed::default()
    })
}

/// Provisioning of the other modes.
pub fn provisioned() -> Vec<(String, String)> {
    [
        ("provision.dependency/00000003", "touch /var/tmp/dependency"),
        ("provision.data/00000004", "given\n"),
        ("provision.yq/00000005", ".color = strenv(PARAM_color)\n"),
    ]
    .map(|(path, text)| (path.into(), text.into()))
    .to_vec()
}

pub const PROVISIONED: [(&str, &str); 8] = [
    ("DATAFILE_00000004_OVERWRITE", "true"),
    ("DATAFILE_00000004_OWNER", "ada:ada"),
    ("DATAFILE_00000004_PATH", "/home/ada.guest/.config/app/given"),
    ("DATAFILE_00000004_PERMISSIONS", "600"),
    ("YQ_PROVISION_00000005_FORMAT", "auto"),
    ("YQ_PROVISION_00000005_OWNER", "root:root"),
    ("YQ_PROVISION_00000005_PATH", "/etc/app/made.toml"),
    ("YQ_PROVISION_00000005_PERMISSIONS", "644"),
];

fn machine(name: &str) -> Result<(Machine, tempfile::TempDir)> {
    let mut machine = Machine::new(name, &layer::image(Arch::host()?)?)?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("from-host"), "hello from the host")?;
    // The guest's user may have another id than whoever runs the tests.
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everyone)?;
    for tag in [TAG, ODD.0] {
        let folder = folder.path().to_owned();
        machine.share(Share { tag: tag.into(), folder, kind: MountType::NineP });
    }
    Ok((machine, folder))
}

pub fn says(ssh: &Ssh, command: &str, expected: &str) -> Result<()> {
    let said = ssh.run(command)?;
    ensure!(said.trim_end() == expected, "`{command}` said\n{said}\nand not\n{expected}");
    Ok(())
}

pub fn first(tally: &mut Tally) -> Result<()> {
    let (mut machine, folder) = machine("first_boot")?;
    let dns_ports = Resolver::start()?.ports;
    let seed = Seed { dns_ports, ..seed(&machine)? };
    let watch = Watch::begin()?;
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    tally.check("the_user_logs_in_by_key", || says(&ssh, "id -un", "ada"));
    let took = vm.boot_done(&ssh)?;
    in_time(tally, took, watch.others(vm.pid())?);
    reports(tally, &ssh);
    account(tally, &ssh, &seed);
    system(tally, &ssh);
    containers(tally, &ssh);
    host_and_home(tally, &ssh);
    tally.check("a_file_of_the_host_folder_is_read", || {
        says(&ssh, "cat /mnt/host/from-host", "hello from the host")
    });
    tally.check("a_file_of_the_host_folder_is_written", || {
        ssh.run("echo back >/mnt/host/from-guest")?;
        ensure!(std::fs::read_to_string(folder.path().join("from-guest"))? == "back\n");
        Ok(())
    });
    shares(tally, &ssh);
    logins(tally, &ssh);
    scripts(tally, &ssh);
    resolver::check(tally, &ssh);
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

/// What containers without root need.
fn containers(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_user_has_ids_for_containers", || {
        let line = "ada:524288:1073741824";
        says(ssh, "cat /etc/subuid /etc/subgid", &format!("{line}\n{line}"))
    });
    let read = "cd /proc/sys; cat net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range \
                kernel/unprivileged_userns_clone";
    tally.check("users_may_ping_use_any_port_and_make_namespaces", || {
        says(ssh, read, "0\n0\t2147483647\n1")
    });
    tally.check("reading_all_settings_again_changes_none_of_them", || {
        ssh.run("sudo sysctl --quiet --system")?;
        says(ssh, read, "0\n0\t2147483647\n1")
    });
    tally.check("the_users_manager_has_every_control_group", || {
        says(ssh, "systemctl show -P Delegate user@1000.service", "yes")?;
        let group = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service";
        let said = ssh.run(&format!("cat {group}/cgroup.controllers"))?;
        for controller in ["cpu", "cpuset", "io", "memory", "pids"] {
            ensure!(said.split_whitespace().any(|word| word == controller), "only {said}");
        }
        Ok(())
    });
    tally.check("modules_for_containers_are_there", || {
        says(ssh, "ls -d /sys/module/overlay /sys/module/bridge | wc -l", "2")
    });
}

fn host_and_home(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_user_owns_the_folder_for_sockets_of_the_host", || {
        says(ssh, "stat -c '%a %U' /run/host-services", "700 ada")
    });
    tally.check("the_home_has_its_older_name_too", || {
        says(ssh, "cd /home/ada.linux && pwd -P", "/home/ada.guest")
    });
    tally.check("there_is_no_password_where_none_is_asked_for", || {
        says(ssh, "ls ~/password 2>/dev/null || echo none", "none")
    });
}

fn shares(tally: &mut Tally, ssh: &Ssh) {
    let (_, point) = ODD;
    tally.check("a_mount_point_with_comma_blank_and_bracket_is_mounted_read_only", || {
        says(ssh, &format!("cat '{point}/from-host'"), "hello from the host")?;
        says(ssh, &format!("sudo touch '{point}/x' 2>/dev/null || echo refused"), "refused")?;
        says(ssh, &format!("findmnt -n -o FSTYPE,SOURCE '{point}'"), &format!("9p     {}", ODD.0))
    });
    tally.check("a_mount_that_vanished_is_made_again_by_another_run", || {
        ssh.run("sudo umount /mnt/host && sudo nixvm-agent run --stage early")?;
        says(ssh, "cat /mnt/host/from-host", "hello from the host")?;
        says(ssh, "findmnt -n /mnt/host | wc -l", "1")
    });
}

fn logins(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_first_session_has_the_variables_of_the_host", || {
        says(
            ssh,
            "env | grep -i ^ftp_proxy | sort",
            &format!("FTP_PROXY={PROXY}\nftp_proxy={PROXY}"),
        )
    });
    tally.check("login_shells_find_the_tools_of_the_administrator", || {
        says(ssh, "bash -lc 'command -v visudo'", "/usr/sbin/visudo")
    });
    tally.check("sshd_accepts_colorterm", || {
        says(ssh, "sudo sshd -T | grep -ci 'acceptenv.*colorterm'", "1")
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
    tally.check("the_dependency_script_ran", || says(ssh, "ls /var/tmp/dependency", DEPENDENCY));
    tally.check("the_boot_script_ran_with_an_address_and_its_parameters", || {
        let said = ssh.run("cat /var/tmp/boot")?;
        for piece in ["/\n", "INSTANCE_ID=iid-1700000001", "PARAM_color=deep blue", "192.168.5.15"]
        {
            ensure!(said.contains(piece), "no {piece} in\n{said}");
        }
        Ok(())
    });
    tally.check("limas_own_boot_command_is_not_run", || {
        says(ssh, "ls /var/tmp/limas-own-entry 2>/dev/null || echo none", "none")
    });
    tally.check("a_file_of_mode_data_is_the_users", || {
        says(
            ssh,
            "cat ~/.config/app/given; stat -c '%U:%G %a' ~/.config/app ~/.config/app/given",
            "given\nada:ada 755\nada:ada 600",
        )
    });
    tally.check("a_file_of_mode_yq_is_made", || {
        says(ssh, "cat /etc/app/made.toml", "color = \"deep blue\"")
    });
    tally.check("what_a_script_says_is_in_the_journal_under_its_name", || {
        let said = ssh.run("sudo journalctl -b -o cat -t nixvm-provision.system-00000006")?;
        ensure!(said.trim_end() == "said by the script", "{said}");
        Ok(())
    });
}

/// What the boot left for people to read, before anything else is done in the guest.
fn reports(tally: &mut Tally, ssh: &Ssh) {
    tally.check("nothing_has_drifted_right_after_the_boot", || {
        ssh.run("sudo nixvm-agent diff || { sudo nixvm-agent diff; exit 1; }").map(drop)
    });
    tally.check("the_log_that_limas_host_follows_has_the_scripts_and_its_end", || {
        let log = "/var/log/cloud-init-output.log";
        says(ssh, &format!("sudo tail -n 1 {log} | grep -c '^Cloud-init.* finished: done'"), "1")?;
        says(ssh, &format!("sudo grep -cx 'said by the script' {log}"), "1")
    });
    tally.check("the_journal_finds_a_step_by_its_field_and_by_its_unit", || {
        let query = "sudo journalctl -b -o cat -u nixvm-agent-early.service NIXVM_STEP=account:ada";
        says(ssh, query, "changed   make the user ada")
    });
    tally.check("the_journal_has_each_step_once", || {
        let query = "sudo journalctl -b -o cat -u 'nixvm-agent-*' | grep -c 'make the user ada'";
        says(ssh, query, "1")
    });
    tally.check("an_archive_for_a_report_is_roots_and_has_no_parameter", || {
        ssh.run("sudo nixvm-agent collect --output /var/tmp/report.tar")?;
        says(ssh, "stat -c '%a %U' /var/tmp/report.tar", "600 root")?;
        says(ssh, "sudo grep -ac 'deep blue' /var/tmp/report.tar || true", "0")?;
        says(
            ssh,
            "sudo tar -xOf /var/tmp/report.tar nixvm-report/journal | grep -c 'make the user'",
            "1",
        )
    });
    tally.check("a_user_who_asks_for_a_plan_is_told_to_use_sudo", || {
        says(ssh, "nixvm-agent plan | grep -c 'sudo nixvm-agent plan'", "1")
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
    let mut seed = Seed { passwordless: false, ..seed(&machine)? };
    seed.disks = vec![(DATA.into(), String::new()), ("swap".into(), "swap".into())];
    (0..2).try_for_each(|_| machine.attach_disk("256M"))?;
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    tally.check("first_boot_formats_blank_disks", || {
        let data = "sudo e2label /dev/vdb1; stat -c %a:%U /mnt/lima-fifteen-letters";
        says(&ssh, data, "lima-fifteen-let\n755:root")?;
        says(&ssh, "grep -c lima- /etc/fstab || true", "0")?;
        ssh.run("echo kept | sudo tee /mnt/lima-fifteen-letters/file").map(drop)
    });
    disks(tally, "first_boot", &ssh, (200, 256));
    password(tally, &ssh)?;
    ssh.run("echo 'ssh-ed25519 AAAAhand added by hand' >>~/.ssh/authorized_keys")?;
    ssh.run("echo 'ada:correct horse' | sudo chpasswd")?;
    let before = identity(&ssh)?;
    drop(ssh);
    vm.shutdown()?;

    for (boot, iid) in [("second_boot", "iid-1700000001"), ("new_instance_id", "iid-2000000000")] {
        iid.clone_into(&mut seed.iid);
        let has_grown = boot != "second_boot";
        if has_grown {
            machine.enlarge_disks("1G")?;
        }
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
        tally.check(&format!("{boot}_makes_no_new_password"), || {
            says(&ssh, "ls ~/password 2>/dev/null || echo none", "none")
        });
        if boot == "new_instance_id" {
            clock(tally, &ssh);
        }
        let runs = if boot == "second_boot" { "2\n2" } else { "3\n3" };
        tally.check(&format!("{boot}_runs_every_boot_scripts_once"), || {
            says(&ssh, "cat /var/tmp/system-runs | wc -l; cat ~/user-runs | wc -l", runs)
        });
        tally.check(&format!("{boot}_mounts_the_host_folder"), || {
            says(&ssh, "cat /mnt/host/from-host", "hello from the host")
        });
        disks(tally, boot, &ssh, if has_grown { (900, 1024) } else { (200, 256) });
        tally.check(&format!("{boot}_keeps_what_is_on_a_disk"), || {
            says(&ssh, "cat /mnt/lima-fifteen-letters/file", "kept")
        });
        tally.check(&format!("{boot}_leaves_nothing_failed"), || vm.check_health(&ssh, &[]));
        drop(ssh);
        vm.shutdown()?;
    }
    Ok(())
}

/// Its label is cut: ext4 has room for 16 letters, `lima-` among them.
const DATA: &str = "fifteen-letters";

/// Both disks are in use with at least so many MiB, and at most so many.
fn disks(tally: &mut Tally, boot: &str, ssh: &Ssh, (least, most): (u64, u64)) {
    let sizes = [
        ("disk", "df --block-size=M --output=size /mnt/lima-fifteen-letters | tail -1"),
        ("swap_space", "awk '$1==\"/dev/vdc1\" {print int($3/1024)}' /proc/swaps"),
    ];
    for (what, command) in sizes {
        tally.check(&format!("{boot}_uses_the_{what}_of_{most}_mib"), || {
            let size: u64 = ssh.run(command)?.trim().trim_end_matches('M').parse()?;
            ensure!((least..=most).contains(&size), "{size} MiB");
            Ok(())
        });
    }
    tally.check(&format!("{boot}_has_nothing_to_complain_of"), || {
        says(ssh, "nixvm-agent status | grep -c failed || true", "0")
    });
}

/// The password that was made for sudo: sudo takes it, nobody else can read it, and once its owner has
/// removed the file it does not come back.
fn password(tally: &mut Tally, ssh: &Ssh) -> Result<()> {
    tally.check("sudo_takes_the_password_that_is_told_in_the_home", || {
        says(ssh, "stat -c '%a %U' ~/password", "600 ada")?;
        let rule = "ada ALL=(ALL) PASSWD: /usr/bin/id";
        ssh.run(&format!("echo '{rule}' | sudo tee /etc/sudoers.d/99-test >/dev/null"))?;
        says(ssh, "sudo -kn /usr/bin/id -u 2>/dev/null || echo refused", "refused")?;
        says(ssh, "sudo -kS -p '' /usr/bin/id -u <~/password", "0")
    });
    tally.check("the_password_is_in_no_report_and_no_log", || {
        let look = "sudo grep -rlF -f ~/password /run/nixvm-agent /var/lib/nixvm-agent || echo none; \
                    sudo journalctl -b -o cat | grep -cF -f ~/password";
        says(ssh, &format!("({look}) || true"), "none\n0")
    });
    ssh.run("rm ~/password; sudo rm -f /etc/sudoers.d/99-test").map(drop)
}

/// The machine's own clock is years behind the instance-id of this boot.
fn clock(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_clock_is_not_behind_the_seed", || {
        let now: u64 = ssh.run("date +%s")?.trim().parse()?;
        ensure!((2_000_000_000..2_000_003_600).contains(&now), "{now} s after 1970");
        let status = ssh.run("nixvm-agent status")?;
        ensure!(status.contains("set the clock forward to 2033-05-18 03:33:20 UTC"), "{status}");
        Ok(())
    });
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
