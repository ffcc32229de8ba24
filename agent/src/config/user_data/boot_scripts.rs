//! `bootcmd` of a Lima seed: Lima's own entry, which renames interfaces, and scripts of mode `boot`.
//!
//! Lima puts a head before each script of a template, which reads the parameters from a here-document.
//! Its own entry, there since Lima 2.1.3, is the first one, has no such head and looks into
//! `/sys/class/net`. What it does the network configuration does.

use nixvm_system::Secret;

use crate::config::finding::Finding;
use crate::config::provision::BootScript;
use crate::config::reader::Reader;
use crate::config::yaml::{Node, Value};

/// Reads all entries. One that is neither a text nor a list of texts is lost by itself.
pub fn read(reader: &mut Reader<'_, '_>) -> Vec<BootScript> {
    let Some(node) = reader.node("bootcmd") else { return Vec::new() };
    let Some(items) = node.as_seq() else {
        reader.wrong("bootcmd", node, "a list");
        return Vec::new();
    };
    let mut scripts = Vec::new();
    for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
        match script(item) {
            Some(text) if index == 0 && is_own(&text) => {}
            Some(text) => scripts.push(BootScript {
                name: format!("{index:08}"),
                text: Secret::new(text.into_bytes()),
                mark: item.mark,
            }),
            None => {
                let message = format!("is {}, not a text or a list of texts", item.kind());
                let finding = Finding::error("bad-value", "user-data", message);
                reader.add(finding.at(item.mark, format!("bootcmd[{index}]")));
            }
        }
    }
    scripts
}

fn is_own(text: &str) -> bool {
    let has_head = text.lines().any(|line| line.trim_start().starts_with("while read -r line"));
    !has_head && text.contains("/sys/class/net")
}

/// The text for `/bin/sh`: of a list, its words, each in quotes.
fn script(item: &Node) -> Option<String> {
    let Value::Seq(words) = &item.value else { return item.as_str().map(str::to_owned) };
    let words: Option<Vec<String>> = words.iter().map(|word| word.text().map(quote)).collect();
    words.filter(|words| !words.is_empty()).map(|words| format!("{}\n", words.join(" ")))
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;

    fn check(text: &str, want: &[(&str, &str)], faults: &[&str]) {
        let root = yaml::parse(text.as_bytes()).unwrap().root;
        let mut findings = Vec::new();
        let map = root.as_map().unwrap();
        let mut reader = Reader::new("user-data", String::new(), map, &mut findings);
        let scripts = read(&mut reader);
        let scripts: Vec<_> = scripts
            .iter()
            .map(|script| {
                (script.name.as_str(), std::str::from_utf8(script.text.reveal()).unwrap())
            })
            .collect();
        assert_eq!(scripts, want, "{text}");
        let places: Vec<_> = findings.iter().map(Finding::place).collect();
        assert_eq!(places, faults, "{text}");
    }

    #[test]
    fn limas_own_entry_is_told_from_scripts_that_look_at_interfaces_too() {
        let own = "- |\n  for pair in a=eth0; do\n  [ -e /sys/class/net/eth0 ]\n  done\n";
        let head =
            "- |\n  while read -r line; do export \"$line\"; done <<'EOF'\n  PARAM_a=b\n  EOF\n";
        let (mine, text) = (
            "  cat /sys/class/net/*/address\n",
            "while read -r line; do export \"$line\"; done <<'EOF'\nPARAM_a=b\nEOF\ncat /sys/class/net/*/address\n",
        );
        check(&format!("bootcmd:\n{own}"), &[], &[]);
        check(&format!("bootcmd:\n{own}{head}{mine}"), &[("00000001", text)], &[]);
        // Lima before 2.1.3 has no entry of its own.
        check(&format!("bootcmd:\n{head}{mine}"), &[("00000000", text)], &[]);
        check(
            "bootcmd:\n- echo\n- ls /sys/class/net\n",
            &[("00000000", "echo"), ("00000001", "ls /sys/class/net")],
            &[],
        );
    }

    #[test]
    fn a_list_is_a_command_with_its_arguments_and_a_bad_entry_loses_itself() {
        check(
            "bootcmd:\n- [echo, \"it's\", 1, true]\n- {a: b}\n- null\n- 7\n- []\n- touch /x\n",
            &[("00000000", "'echo' 'it'\\''s' '1' 'true'\n"), ("00000005", "touch /x")],
            &["user-data:3: bootcmd[1]", "user-data:5: bootcmd[3]", "user-data:6: bootcmd[4]"],
        );
        check("bootcmd: echo\n", &[], &["user-data:1: bootcmd"]);
    }
}
