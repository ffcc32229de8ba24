//! `/etc/fstab`: what systemd mounts by itself. It is read, never written: cloud-init may have left
//! lines of an earlier boot there, and the rest is the administrator's.

use nixvm_system::{GuestPath, System};

use super::LIMIT;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// Device or tag.
    pub source: String,
    /// Mount point.
    pub target: GuestPath,
    /// Whether cloud-init wrote it.
    pub is_cloud_inits: bool,
    /// Whether it is only mounted when somebody asks.
    pub is_on_demand: bool,
}

/// All lines with a mount point. A file that cannot be read is systemd's to complain about.
pub(super) fn read(system: &dyn System) -> Vec<Line> {
    let text = GuestPath::new("/etc/fstab").ok().and_then(|path| system.read(&path, LIMIT).ok()?);
    let text = text.unwrap_or_default();
    let lines = String::from_utf8_lossy(&text);
    lines.lines().enumerate().filter_map(|(index, text)| line(index + 1, text)).collect()
}

fn line(number: usize, text: &str) -> Option<Line> {
    let mut fields = text.split_whitespace();
    let source = fields.next().filter(|first| !first.starts_with('#'))?;
    let target = GuestPath::new(&unescape(fields.next()?)).ok()?;
    let has =
        |name: &str| fields.clone().nth(1).is_some_and(|it| it.split(',').any(|it| it == name));
    let (is_cloud_inits, is_on_demand) = (has("comment=cloudconfig"), has("noauto"));
    Some(Line { number, source: unescape(source), target, is_cloud_inits, is_on_demand })
}

/// Blank, tab, line feed and backslash stand there as three octal digits (fstab(5)).
fn unescape(text: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_mount_point() {
        let got = line(3, "lima-0\t/a\\040b\t9p\trw,nofail,comment=cloudconfig\t0\t0").unwrap();
        assert_eq!((got.source.as_str(), got.target.as_str()), ("lima-0", "/a b"));
        assert!(got.is_cloud_inits && !got.is_on_demand);
        assert!(line(1, "LABEL=x /x ext4 noauto").unwrap().is_on_demand);
        for none in ["", "# /dev/x /x ext4", "/swap none swap sw 0 0"] {
            assert_eq!(line(1, none), None, "{none}");
        }
    }
}
