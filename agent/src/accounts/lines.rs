//! A file of lines with fields divided by colons, kept byte for byte.

/// The file. Taken apart only for looking; its bytes stay as they were.
#[derive(Clone, Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Fields of each line that is UTF-8.
    pub fn entries(&self) -> impl Iterator<Item = Vec<&str>> {
        self.0
            .split(|byte| *byte == b'\n')
            .filter_map(|line| std::str::from_utf8(line).ok())
            .map(|line| line.split(':').collect())
    }

    /// Adds a line at the end, but before the lines of NIS, which begin with `+` or `-` and must
    /// stay last.
    pub fn push(&mut self, line: &str) {
        if !self.0.is_empty() && !self.0.ends_with(b"\n") {
            self.0.push(b'\n');
        }
        let mut at = self.0.len();
        for line in self.0.split_inclusive(|byte| *byte == b'\n').rev() {
            if !line.starts_with(b"+") && !line.starts_with(b"-") {
                break;
            }
            at -= line.len();
        }
        let line = format!("{line}\n");
        self.0.splice(at..at, line.bytes());
    }

    /// Keeps the lines that are no UTF-8 or that `keep` says yes to.
    pub fn retain(&mut self, keep: impl Fn(&[&str]) -> bool) {
        let kept: Vec<u8> = self
            .0
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| {
                std::str::from_utf8(line).map_or(true, |line| {
                    let fields: Vec<&str> = line.trim_end_matches('\n').split(':').collect();
                    keep(&fields)
                })
            })
            .flatten()
            .copied()
            .collect();
        self.0 = kept;
    }

    /// Changes field `index` of the line whose first field is `name`.
    pub fn edit(&mut self, name: &str, index: usize, change: impl Fn(&str) -> String) {
        let mut out = Vec::with_capacity(self.0.len() + 16);
        for line in self.0.split_inclusive(|byte| *byte == b'\n') {
            let text = std::str::from_utf8(line).ok();
            let fields =
                text.map(|text| text.trim_end_matches('\n').split(':').collect::<Vec<_>>());
            match fields {
                Some(fields) if fields.first() == Some(&name) && fields.len() > index => {
                    let changed: Vec<String> = fields
                        .iter()
                        .enumerate()
                        .map(
                            |(at, field)| if at == index { change(field) } else { (*field).into() },
                        )
                        .collect();
                    out.extend(changed.join(":").bytes());
                    out.extend(line.ends_with(b"\n").then_some(b'\n'));
                }
                _ => out.extend(line),
            }
        }
        self.0 = out;
    }
}
