//! The seed medium as Lima makes it: ISO 9660 with Rock Ridge and no Joliet, volume `cidata`, folders
//! 0755 (the root 0700), files 0644, so that nothing on it is executable unless it is mounted so.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use super::tool::Tool;

/// The volume label that every reader of seeds looks for.
pub const LABEL: &str = "cidata";

/// Writes the content of a folder as a seed medium, in place of one that may be there.
pub fn write(folder: &Path, iso: &Path) -> Result<()> {
    match fs::remove_file(iso) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", iso.display()));
        }
        _ => {}
    }
    let xorriso = Tool::new("xorriso").args(["-no_rc", "-report_about", "WARNING"]);
    let xorriso = xorriso.arg("-outdev").arg(iso).args(["-volid", LABEL, "-joliet", "off"]);
    let xorriso = xorriso.arg("-map").arg(folder).arg("/");
    let modes = ["-find", "/", "-type", "d", "-exec", "chmod", "0755", "--", "-find", "/", "-type"];
    let xorriso = xorriso.args(modes).args(["f", "-exec", "chmod", "0644", "--"]);
    // The first user of a Linux host, whoever runs the test.
    let xorriso = xorriso.args(["-chown_r", "1000", "/", "--"]);
    xorriso.args(["-chmod", "0700", "/", "--", "-commit"]).run().context("writing the seed")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_the_label_and_the_modes_of_lima() {
        if Tool::new("xorriso").arg("-version").output().is_err() {
            println!("SKIP a_seed_has_the_label_and_the_modes_of_lima: no xorriso");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (folder, iso) = (dir.path().join("seed"), dir.path().join("seed.iso"));
        std::fs::create_dir_all(folder.join("provision.system")).unwrap();
        std::fs::write(folder.join("meta-data"), "instance-id: iid-1\n").unwrap();
        std::fs::write(folder.join("provision.system/00000000"), "#!/bin/sh\n").unwrap();
        write(&folder, &iso).unwrap();
        write(&folder, &iso).unwrap();

        let bytes = std::fs::read(&iso).unwrap();
        assert_eq!(bytes[16 * 2048 + 40..][..8], *b"cidata  ");
        let list = Tool::new("xorriso").args(["-indev", iso.to_str().unwrap(), "-find", "/"]);
        let list = list.args(["-exec", "lsdl", "--"]).run().unwrap();
        let mut modes: Vec<(&str, &str)> =
            list.lines().map(|line| (&line[..10], line.split('\'').nth(1).unwrap())).collect();
        modes.sort_by_key(|(_, path)| *path);
        assert_eq!(
            modes,
            [
                ("drwx------", "/"),
                ("-rw-r--r--", "/meta-data"),
                ("drwxr-xr-x", "/provision.system"),
                ("-rw-r--r--", "/provision.system/00000000"),
            ]
        );
    }
}
