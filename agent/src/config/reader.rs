//! Reading typed values out of a YAML mapping. Each fault becomes one finding with its line and
//! key; the value is then absent and its neighbours are read on.

use super::finding::Finding;
use super::yaml::{Map, Mark, Node};

/// A mapping that is being read, with the path that leads to it.
pub struct Reader<'m, 'f> {
    /// File of the seed.
    file: &'m str,
    /// `users[0]`, empty at the top.
    path: String,
    map: &'m Map,
    findings: &'f mut Vec<Finding>,
}

impl<'m, 'f> Reader<'m, 'f> {
    pub fn new(file: &'m str, path: String, map: &'m Map, findings: &'f mut Vec<Finding>) -> Self {
        Self { file, path, map, findings }
    }

    /// The node of a key in either spelling, `a-b` or `a_b`; null is absent.
    pub fn node(&self, key: &str) -> Option<&'m Node> {
        let (_, node) = self.map.iter().filter(|(name, _)| is_named(name, key)).last()?;
        (!node.is_null()).then_some(node)
    }

    /// Where the key stands.
    pub fn mark(&self, key: &str) -> Mark {
        self.node(key).map_or(Mark::START, |node| node.mark)
    }

    /// A text, read by `check`. A number or a boolean counts with the text it was written as.
    pub fn text<T>(
        &mut self,
        key: &str,
        check: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let Some(text) = node.text() else {
            self.wrong(key, node, "a text");
            return None;
        };
        match check(text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.bad(key, node.mark, format!("{text:?} {reason}"));
                None
            }
        }
    }

    /// A boolean, in any spelling of YAML 1.1.
    pub fn truth(&mut self, key: &str) -> Option<bool> {
        let node = self.node(key)?;
        let truth = super::scalars::truth(&node.value);
        if truth.is_none() {
            self.wrong(key, node, "true or false");
        }
        truth
    }

    /// A list of texts, or one text. Items that are none are lost by name.
    pub fn texts(&mut self, key: &str) -> Vec<(String, Mark, String)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        if let Some(text) = node.text() {
            return vec![(self.key(key), node.mark, text.to_owned())];
        }
        let Some(items) = node.as_seq() else {
            self.wrong(key, node, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let key = format!("{key}[{index}]");
            match item.text() {
                Some(text) => texts.push((self.key(&key), item.mark, text.to_owned())),
                None => self.wrong(&key, item, "a text"),
            }
        }
        texts
    }

    /// Names every key that is not in `known`.
    pub fn unknown(&mut self, known: &[&str]) {
        for (name, _) in self.map.iter() {
            if known.iter().any(|key| is_named(name, key)) {
                continue;
            }
            let key = name.text().unwrap_or("?").to_owned();
            let near = known.iter().find(|known| is_near(&key, known));
            let mut finding = Finding::warning(
                "unknown-key",
                self.file,
                "is not a key that nixvm-agent knows; it is ignored",
            )
            .at(name.mark, self.key(&key));
            if let Some(near) = near {
                finding = finding.hint(format!("did you mean {near}?"));
            }
            self.findings.push(finding);
        }
    }

    /// A value of the wrong type.
    pub fn wrong(&mut self, key: &str, node: &Node, want: &str) {
        self.bad(key, node.mark, format!("is {}, not {want}", node.kind()));
    }

    /// A value that cannot be used.
    pub fn bad(&mut self, key: &str, mark: Mark, message: impl Into<String>) {
        let finding = Finding::error("bad-value", self.file, message).at(mark, self.key(key));
        self.findings.push(finding);
    }

    /// The same, for a key of [`Reader::texts`], whose path is whole.
    pub fn bad_at(&mut self, key: &str, mark: Mark, message: &str) {
        self.findings.push(Finding::error("bad-value", self.file, message).at(mark, key));
    }

    /// Adds a finding at a key.
    pub fn note(&mut self, key: &str, finding: Finding) {
        let finding = finding.at(self.mark(key), self.key(key));
        self.findings.push(finding);
    }

    /// Adds a finding that has its place.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Reads the mapping that is the value of `key`.
    pub fn inside(&mut self, key: &str, map: &Map, read: impl FnOnce(&mut Reader<'_, '_>)) {
        let path = self.key(key);
        read(&mut Reader::new(self.file, path, map, self.findings));
    }

    /// Reads each mapping of a list. Items that are none are lost by name.
    pub fn each(&mut self, key: &str, mut read: impl FnMut(&mut Reader<'_, '_>)) {
        let Some(node) = self.node(key) else { return };
        let Some(items) = node.as_seq() else { return self.wrong(key, node, "a list") };
        for (index, item) in items.iter().enumerate() {
            let key = format!("{key}[{index}]");
            match item.as_map() {
                Some(map) => self.inside(&key, map, &mut read),
                None => self.wrong(&key, item, "a mapping"),
            }
        }
    }

    /// Reads the mapping that is the value of `key`, if there is one; keys that are not `known` are
    /// named.
    pub fn nested(&mut self, key: &str, known: &[&str], read: impl FnOnce(&mut Reader<'_, '_>)) {
        let Some(node) = self.node(key) else { return };
        match node.as_map() {
            None => self.wrong(key, node, "a mapping"),
            Some(map) => self.inside(key, map, |reader| {
                read(reader);
                reader.unknown(known);
            }),
        }
    }

    /// The keys of the mapping, as texts.
    pub fn keys(&self) -> Vec<String> {
        self.map.iter().filter_map(|(key, _)| Some(key.text()?.to_owned())).collect()
    }

    /// A key that is needed and not there.
    pub fn missing(&mut self, key: &str, message: &str) {
        let mark = self.map.iter().next().map_or(Mark::START, |(first, _)| first.mark);
        let finding = Finding::error("missing-key", self.file, message).at(mark, self.key(key));
        self.findings.push(finding);
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn is_named(name: &Node, key: &str) -> bool {
    let plain = |text: &str| text.replace('-', "_");
    name.as_str().is_some_and(|name| name == key || plain(name) == plain(key))
}

/// Whether one slip of the keyboard divides two keys.
fn is_near(typed: &str, known: &str) -> bool {
    let (typed, known) = (typed.to_lowercase().replace('-', "_"), known.replace('-', "_"));
    if typed == known || typed.strip_suffix('s') == Some(&known) {
        return true;
    }
    let same = typed.chars().zip(known.chars()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str, skip: usize| text.chars().skip(same + skip).collect::<String>();
    rest(&typed, 1) == rest(&known, 1)
        || rest(&typed, 1) == rest(&known, 0)
        || rest(&typed, 0) == rest(&known, 1)
}
