//! The programs as this kernel takes them.

use super::*;

#[test]
fn records_become_hints() {
    for (record, expected) in [
        (Record::News(1, 80), Hint::Listening(80)),
        (Record::News(2, 80), Hint::NotListening(80)),
        (Record::News(3, 80), Hint::Binding(80)),
        (Record::News(3, 65_536), Hint::Lost),
        (Record::News(4, 80), Hint::Lost),
        (Record::Lost, Hint::Lost),
    ] {
        assert_eq!(hint(record), expected, "{record:?}");
    }
}
