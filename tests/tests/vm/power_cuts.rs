//! The power goes at a random moment of a machine's first boot, and the boot after it must end
//! complete: nothing is there twice, nothing half, nothing lost, no disk formatted twice.
//!
//! What the guest has not yet told its disk to keep is lost, as on real power: QEMU is killed, so
//! only what it was given is in the image. Each cut has a machine of its own, with fresh disks.
//!
//! `NIXVM_CUTS` is how many there are (2, so that the suite stays short), `NIXVM_CUTS_SEED` repeats
//! the moments of an earlier run.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer::{self, Image};
use nixvm_e2e::rig::machine::Machine;
use nixvm_e2e::rig::seed::Seed;
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::tool::Tool;
use nixvm_e2e::rig::wait;

use super::boots::{PROVISIONED, provisioned, says};

/// From the agent's first unit to the end of the boot, as multiples of the time to that unit: so it
/// is the same on a machine that is slow or busy.
const FIRST: f64 = 1.0;
const LAST: f64 = 1.9;

/// Where the file system of a formatted disk begins: its only partition.
const PARTITION: u64 = 1 << 20;

pub fn cuts(tally: &mut Tally) -> Result<()> {
    let count = u32::try_from(setting("NIXVM_CUTS")?.unwrap_or(2))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let seed = setting("NIXVM_CUTS_SEED")?.unwrap_or(now);
    tally.note(&format!("{count} cuts; the same again: NIXVM_CUTS_SEED={seed}"));
    let image = layer::image(Arch::host()?)?;
    for (index, moment) in moments(seed, count).into_iter().enumerate() {
        if wait::stopped() {
            break;
        }
        let name = format!("{:02}", index + 1);
        let mut before = String::new();
        tally.check(&format!("cut_{name}"), || cut(&image, &name, moment, &mut before));
        tally.note(&before);
    }
    Ok(())
}

fn setting(name: &str) -> Result<Option<u64>> {
    let text = std::env::var_os(name);
    let number = |text: OsString| text.to_string_lossy().parse();
    text.map(number).transpose().with_context(|| format!("{name} is no number"))
}

/// One moment in each of as many equal parts of the boot, so that few cuts see all of it too.
fn moments(seed: u64, count: u32) -> Vec<f64> {
    let (mut state, part) = (seed, (LAST - FIRST) / f64::from(count));
    let mut moment = |index| FIRST + part * (f64::from(index) + chance(&mut state));
    (0..count).map(&mut moment).collect()
}

/// The next number from 0 to 1 (`SplitMix64`, whose constants these are).
fn chance(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let high = u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or_default();
    f64::from(high) / f64::from(u32::MAX)
}

fn cut(image: &Image, name: &str, moment: f64, before: &mut String) -> Result<()> {
    let mut machine = Machine::new(&format!("power_cuts/{name}"), image)?;
    (0..2).try_for_each(|_| machine.attach_disk("256M"))?;
    let mut seed = seed(&machine)?;
    let begin = Instant::now();
    let vm = machine.boot(&seed)?;
    wait::until("the first unit of the agent", Duration::from_mins(3), || {
        Ok(vm.console().text().contains("nixvm-agent-local.service").then_some(()))
    })?;
    let moment = begin.elapsed().mul_f64(moment);
    wait::until("the moment of the cut", Duration::from_mins(10), || {
        Ok((begin.elapsed() >= moment).then_some(()))
    })?;
    let console = vm.console().text();
    vm.cut_power();
    let formatted = file_system(&machine)?;
    let line = { console.lines() }.rfind(|line| line.contains("nixvm-agent")).unwrap_or("nothing");
    let moment = moment.as_secs_f64();
    write!(before, "cut {moment:.1} s after power-on, disk {formatted:?}, last: {}", line.trim())?;

    "iid-1700000009".clone_into(&mut seed.iid);
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    complete(&ssh, &seed)?;
    disks(&ssh, formatted.as_deref())?;
    vm.check_health(&ssh, &[])?;
    drop(ssh);
    vm.shutdown()
}

/// Something of all that lasts.
fn seed(machine: &Machine) -> Result<Seed> {
    Ok(Seed {
        keys: vec![machine.public_key()?],
        timezone: "Asia/Tokyo".into(),
        params: vec![("color".into(), "deep blue".into())],
        files: [provisioned(), vec![("etc_environment".into(), ENVIRONMENT.into())]].concat(),
        env: PROVISIONED.map(|(key, value)| (key.into(), value.into())).to_vec(),
        disks: vec![("data".into(), String::new()), ("swap".into(), "swap".into())],
        passwordless: false,
        system: vec![(0, "#!/bin/sh\ntouch /var/tmp/system\n".into())],
        user_scripts: vec![(1, "#!/bin/sh\ntouch ~/user\n".into())],
        ..Seed::default()
    })
}

const ENVIRONMENT: &str = "#LIMA-START\nFTP_PROXY=http://192.168.5.2:2121\n#LIMA-END\n";

/// Everything of the seed is there, once and whole.
fn complete(ssh: &Ssh, seed: &Seed) -> Result<()> {
    let home = seed.home();
    let account = format!("ada:x:1000:1000:Ada Lovelace:{home}:/bin/bash");
    says(ssh, "getent passwd ada", &account)?;
    says(ssh, "stat -c %U:%G ~", "ada:ada")?;
    says(ssh, "stat -c '%U:%G %a' ~/.ssh ~/.ssh/authorized_keys ~/password", OWNERS)?;
    says(ssh, "ls -A ~ | grep -c '^\\.profile$\\|^\\.bashrc$\\|^\\.bash_logout$'", "3")?;
    says(ssh, "sudo -n id -u", "0")?;
    password(ssh)?;
    says(ssh, "hostname; cat /etc/hostname; date +%Z", "lima-test\nlima-test\nJST")?;
    says(ssh, "cat ~/.config/app/given /etc/app/made.toml", "given\ncolor = \"deep blue\"")?;
    says(ssh, "ls /var/tmp/dependency /var/tmp/system ~/user", &scripts(&home))?;
    says(ssh, "env | grep FTP_PROXY", "FTP_PROXY=http://192.168.5.2:2121")?;
    says(ssh, &format!("sudo sh -c \"{TWICE}\""), "")?;
    says(ssh, "sudo pwck -rq; sudo grpck -r", "")?;
    says(ssh, "sudo visudo -cq; sudo sshd -t", "")?;
    says(ssh, LEFT, "")?;
    let status = ssh.output("nixvm-agent status")?;
    ensure!(status.status.success(), "{}", status.stdout);
    Ok(())
}

/// The password that is told in the home is the one that sudo takes.
fn password(ssh: &Ssh) -> Result<()> {
    let rule = "ada ALL=(ALL) PASSWD: /usr/bin/id";
    ssh.run(&format!("echo '{rule}' | sudo tee /etc/sudoers.d/99-test >/dev/null"))?;
    says(ssh, "sudo -kn /usr/bin/id -u 2>/dev/null || echo refused", "refused")?;
    says(ssh, "sudo -kS -p '' /usr/bin/id -u <~/password", "0")?;
    ssh.run("sudo rm /etc/sudoers.d/99-test").map(drop)
}

const OWNERS: &str = "ada:ada 700\nada:ada 600\nada:ada 600";

fn scripts(home: &str) -> String {
    format!("{home}/user\n/var/tmp/dependency\n/var/tmp/system")
}

/// Names that two lines of an account file have, and lines that are twice where lists are kept.
const TWICE: &str = "cd /etc; for f in passwd shadow group gshadow subuid subgid; do \
    cut -d: -f1 \\$f | sort | uniq -d; done; \
    for f in hosts environment sudoers sudoers.d/* fstab ~ada/.ssh/authorized_keys; do \
    grep -v '^#\\|^\\$' \\$f | sort | uniq -d; done";

/// Files of ours that only a run that was cut off leaves.
const LEFT: &str = "sudo find / -xdev \\( -name '.*.nixvm-new' -o -name 'unfinished-home-*' \
    -o -path '/var/lib/nixvm-agent/scripts/*' \\)";

/// The id of the file system on the disk for data, as the cut left it.
fn file_system(machine: &Machine) -> Result<Option<String>> {
    let (disk, raw) = (machine.dir().join("data-0.qcow2"), machine.dir().join("cut.raw"));
    Tool::new("qemu-img").args(["convert", "-O", "raw"]).arg(disk).arg(&raw).run()?;
    id_of_ext4(&raw).with_context(|| format!("reading {}", raw.display()))
}

/// Magic and id are at 0x38 and 0x68 of the superblock, which is 1 KiB behind the beginning.
fn id_of_ext4(raw: &Path) -> Result<Option<String>> {
    let mut block = [0; 1024];
    File::open(raw)?.read_exact_at(&mut block, PARTITION + 1024)?;
    let (magic, id) = (block.get(0x38..0x3a), block.get(0x68..0x78).unwrap_or_default());
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((magic == Some(&[0x53, 0xef])).then(|| hex(id)))
}

/// Both disks are in use, and a file system that was there is still the same.
fn disks(ssh: &Ssh, formatted: Option<&str>) -> Result<()> {
    says(ssh, "findmnt -no FSTYPE /mnt/lima-data; grep -c vdc1 /proc/swaps", "ext4\n1")?;
    let id = ssh.run("sudo blkid -po value -s UUID /dev/vdb1")?.trim().replace('-', "");
    ensure!(formatted.is_none_or(|before| before == id), "{formatted:?} became {id}");
    ssh.run("echo kept | sudo tee /mnt/lima-data/file").map(drop)
}
