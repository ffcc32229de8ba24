//! A file of lines with fields divided by colons, kept byte for byte.

/// The file. Taken apart only for looking; bytes that are no UTF-8 are shown as U+FFFD, and stay.
#[derive(Clone, Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Fields of each line.
    pub fn entries(&self) -> impl Iterator<Item = Vec<String>> {
        self.0
            .split(|byte| *byte == b'\n')
            .map(|line| String::from_utf8_lossy(line).split(':').map(str::to_owned).collect())
    }

    /// Whether a line's first field is `name`.
    pub fn has(&self, name: &str) -> bool {
        self.0.split(|byte| *byte == b'\n').any(|line| is_of(line, name))
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

    /// Removes the lines whose first field is `name`.
    pub fn remove(&mut self, name: &str) {
        let lines = self.0.split_inclusive(|byte| *byte == b'\n');
        self.0 = lines.filter(|line| !is_of(line, name)).flatten().copied().collect();
    }

    /// Changes field `index` of the lines whose first field is `name`.
    pub fn edit(&mut self, name: &str, index: usize, change: impl Fn(&[u8]) -> Vec<u8>) {
        let mut out = Vec::with_capacity(self.0.len() + 16);
        for line in self.0.split_inclusive(|byte| *byte == b'\n') {
            if !is_of(line, name) {
                out.extend(line);
                continue;
            }
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let fields = text.split(|byte| *byte == b':').enumerate();
            let fields: Vec<Vec<u8>> = fields
                .map(|(at, field)| if at == index { change(field) } else { field.to_vec() })
                .collect();
            out.extend(fields.join(&b':'));
            out.extend(line.ends_with(b"\n").then_some(b'\n'));
        }
        self.0 = out;
    }
}

fn is_of(line: &[u8], name: &str) -> bool {
    line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":"))
}
