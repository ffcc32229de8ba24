//! Rows as an aligned table. Pure.

use super::Row;

/// Whether the table may have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// On a terminal.
    Yes,
    /// Anywhere else.
    No,
}

impl Colours {
    /// For an output that is a terminal or not.
    pub const fn on(terminal: bool) -> Self {
        if terminal { Self::Yes } else { Self::No }
    }
}

const TITLES: [&str; 7] = ["PROTO", "ADDRESS", "PORT", "FORWARDED", "PROCESS", "UNIT", "REASON"];
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// The rows with a line of titles. The last column is not filled up.
pub fn table(rows: &[Row], colours: Colours) -> String {
    let cells: Vec<[String; 7]> = rows.iter().map(cells).collect();
    let mut widths = TITLES.map(str::len);
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 7]| {
        let filled = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        filled.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out = line(&TITLES.map(str::to_owned)) + "\n";
    for (row, cells) in rows.iter().zip(&cells) {
        let colour = if row.forwarded { GREEN } else { DIM };
        out += &match colours {
            Colours::Yes => format!("{colour}{}{PLAIN}\n", line(cells)),
            Colours::No => line(cells) + "\n",
        };
    }
    out
}

fn cells(row: &Row) -> [String; 7] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let process = row.process.as_ref().zip(row.pid).map(|(name, pid)| format!("{name}[{pid}]"));
    [
        row.protocol.to_string(),
        row.ip.clone(),
        row.port.to_string(),
        if row.forwarded { "yes" } else { "no" }.into(),
        or_none(process.or_else(|| row.origin.clone())),
        or_none(row.unit.clone()),
        row.reason.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Protocol;
    use expect_test::expect;

    #[test]
    fn columns_are_aligned_and_colours_only_on_request() {
        let row = Row {
            protocol: Protocol::Tcp,
            ip: "127.0.0.1".into(),
            port: 80,
            process: Some("nginx".into()),
            pid: Some(12),
            unit: Some("nginx.service".into()),
            origin: None,
            forwarded: true,
            reason: "announced".into(),
        };
        let other = Row {
            ip: "::".into(),
            port: 30_000,
            process: None,
            pid: None,
            unit: None,
            origin: Some("kubernetes default/web".into()),
            forwarded: false,
            reason: "not yet told".into(),
            ..row.clone()
        };
        let rows = [row, other];
        expect![[r"
            PROTO  ADDRESS    PORT   FORWARDED  PROCESS                 UNIT           REASON
            tcp    127.0.0.1  80     yes        nginx[12]               nginx.service  announced
            tcp    ::         30000  no         kubernetes default/web  -              not yet told
        "]]
        .assert_eq(&table(&rows, Colours::No));
        let coloured = table(&rows, Colours::Yes);
        assert!(coloured.contains("\x1b[32mtcp    127.0.0.1") && coloured.ends_with("\x1b[0m\n"));
    }
}
