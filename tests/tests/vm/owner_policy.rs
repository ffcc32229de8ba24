//! Whose rights a tunnel has in a real guest whose user has no sudo, as servers in it see them, and
//! what the journal says of dials that are refused.

use anyhow::{Result, ensure};
use nixvm_e2e::rig::suite::Tally;

use crate::vsock::Guest;

/// Tells each client whose its socket is.
const WHOSE: &str = include_str!("guest/whose.pl");

/// Servers of root: for everybody, for a group of the user, for root only, and one for everybody
/// behind a folder that only root may enter.
const SERVERS: &str = "
usermod -aG staff ada
mkdir -m 700 /run/private
whose() { unit=$1; shift; systemd-run -q -u whose-$unit perl /home/ada.guest/whose.pl \"$@\"; }
whose tcp tcp 7001; whose udp udp 7002
whose all unix /run/all.sock 666 0; whose staff unix /run/staff.sock 660 50
whose root unix /run/root.sock 600 0; whose folder unix /run/private/all.sock 666 0
for path in all staff root private/all; do timeout 20 sh -c \"until [ -S /run/$path.sock ]; do sleep 0.1; done\"; done
sleep 1.5
";

/// Without the owner that the boot agent read from the medium and put here.
const NO_FLAG: &str = "sed -i '/SOCKET_OWNER/d' /run/nixvm-agent/guestagent.env\n";

pub fn checks(tally: &mut Tally, guest: &Guest<'_>) -> Result<()> {
    guest.ssh.write("whose.pl", WHOSE.as_bytes())?;
    guest.root(SERVERS)?;
    tally.check("the_user_has_no_sudo", || {
        let said = guest.ssh.output("sudo -n true")?;
        ensure!(!said.status.success(), "{}", said.stdout);
        Ok(())
    });
    tally.check("a_unix_socket_sees_the_owner_and_its_groups", || {
        let groups = guest.ssh.run("getent group ada staff | cut -d: -f3 | sort -n | xargs")?;
        let expected = format!("uid 1000, gid 1000, groups {}", groups.trim());
        answers(guest, ("unix", "/run/all.sock"), &expected)?;
        answers(guest, ("unix", "/run/staff.sock"), &expected)
    });
    tally.check("tcp_and_udp_are_dialled_as_the_owner", || {
        answers(guest, ("tcp", "127.0.0.1:7001"), "uid 1000")?;
        answers(guest, ("udp", "127.0.0.1:7002"), "uid 1000")
    });
    tally.check("a_socket_of_root_is_refused", || {
        refused(guest, ("unix", "/run/root.sock"), "connect: permission denied")
    });
    tally.check("a_refused_socket_of_root_leaves_one_line", || {
        audited(guest, "/run/root.sock", "1000")
    });
    tally.check("no_capability_leads_into_a_folder_of_root", || {
        refused(guest, ("unix", "/run/private/all.sock"), "connect: permission denied")
    });
    settings(tally, guest)?;
    medium(tally, guest)
}

fn settings(tally: &mut Tally, guest: &Guest<'_>) -> Result<()> {
    let text = "[tunnel]\\nowner = \"games\"\\ndeny = [\"tcp 7001\", \"unix /run/all.sock\"]\\n";
    let file = format!("mkdir -p /etc/nixvm; printf '{text}' >/etc/nixvm/guestagent.toml\n");
    guest.root(&format!("{NO_FLAG}{file}systemctl restart nixvm-guestagent"))?;
    tally.check("the_settings_name_the_owner", || {
        answers(guest, ("udp", "127.0.0.1:7002"), "uid 5")
    });
    tally.check("what_the_settings_deny_is_refused_with_one_line_each", || {
        refused(guest, ("tcp", "127.0.0.1:7001"), "of tunnel.deny")?;
        refused(guest, ("unix", "/run/all.sock"), "of tunnel.deny")?;
        audited(guest, "127.0.0.1:7001", "5")?;
        audited(guest, "/run/all.sock", "5")
    });
    Ok(())
}

fn medium(tally: &mut Tally, guest: &Guest<'_>) -> Result<()> {
    guest.root("rm /etc/nixvm/guestagent.toml; systemctl restart nixvm-guestagent")?;
    tally.check("else_the_mounted_medium_names_the_owner", || {
        answers(guest, ("tcp", "127.0.0.1:7001"), "uid 1000")
    });
    // What the agent knows of users is looked at again after a second.
    guest.root("umount /mnt/lima-cidata; sleep 1.5")?;
    tally.check("without_an_owner_ports_are_dialled_as_nobody", || {
        answers(guest, ("tcp", "127.0.0.1:7001"), "uid 65534")?;
        answers(guest, ("udp", "127.0.0.1:7002"), "uid 65534")
    });
    tally.check("without_an_owner_unix_sockets_are_refused_with_one_line", || {
        refused(guest, ("unix", "/run/all.sock"), "no owner is known")?;
        audited(guest, "/run/all.sock", "nobody")
    });
    guest.root("mount -o ro LABEL=cidata /mnt/lima-cidata; systemctl stop 'whose-*'")?;
    Ok(())
}

fn answers(guest: &Guest<'_>, (protocol, target): (&str, &str), expected: &str) -> Result<()> {
    let said = guest.ask(protocol, target)?;
    ensure!(said == expected, "{protocol} {target} said {said:?}");
    Ok(())
}

fn refused(guest: &Guest<'_>, (protocol, target): (&str, &str), reason: &str) -> Result<()> {
    match guest.ask(protocol, target) {
        Ok(said) => anyhow::bail!("{protocol} {target} said {said:?}"),
        Err(error) => {
            let error = format!("{error:#}");
            ensure!(error.contains(reason), "{error}");
            Ok(())
        }
    }
}

/// That the journal has one line, and not two, of a refused dial.
fn audited(guest: &Guest<'_>, target: &str, owner: &str) -> Result<()> {
    let journal = "journalctl --boot --output cat --unit nixvm-guestagent | grep 'dial refused'";
    let said = guest.root(journal)?.replace('"', "");
    let parts = [format!("owner={owner} "), format!("target={target} ")];
    let lines = said.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
    ensure!(lines.count() == 1, "no single line for {parts:?}:\n{said}");
    Ok(())
}
