//! `/etc/subuid` and `/etc/subgid`: ranges of ids that a user may map into containers, a line
//! `name:first:count` each; a number may stand for the name. Lines that are not understood stay as
//! they are. subuid(5).

use super::lines::Lines;

/// First id of the ranges that systemd leaves to containers (`0x80000`), and Lima's count: 2^30,
/// enough to nest containers. <https://systemd.io/UIDS-GIDS>
const FIRST: u64 = 524_288;
const COUNT: u64 = 1 << 30;
/// What one container needs, where no more is free.
const LEAST: u64 = 65_536;
/// Behind the last id that may be used: 2^32 - 1 means "nobody" to system calls.
const END: u64 = u32::MAX as u64;

/// Whether a line gives the user ids already.
pub fn is_listed(text: &[u8], name: &str, uid: u32) -> bool {
    let uid = uid.to_string();
    ranges(&Lines::new(text.to_vec())).any(|(user, _, _)| user == name || user == uid)
}

/// The text with a line for the user: the first range above its own id that touches nobody else's.
/// `None`: there is no room.
pub fn add(text: &[u8], name: &str, uid: u32) -> Option<Vec<u8>> {
    let mut lines = Lines::new(text.to_vec());
    let taken: Vec<(u64, u64)> = ranges(&lines).map(|(_, first, count)| (first, count)).collect();
    let lowest = FIRST.max(u64::from(uid) + 1);
    let (first, count) =
        [COUNT, LEAST].into_iter().find_map(|count| Some((free(&taken, lowest, count)?, count)))?;
    lines.push(&format!("{name}:{first}:{count}"));
    Some(lines.bytes().to_vec())
}

/// The lowest place for a range: the lowest of all, or right behind another one.
fn free(taken: &[(u64, u64)], lowest: u64, count: u64) -> Option<u64> {
    let is_free = |first: u64| {
        let end = first.saturating_add(count);
        let touches =
            |(other, count): &(u64, u64)| first < other.saturating_add(*count) && *other < end;
        end <= END && !taken.iter().any(touches)
    };
    let behind = taken.iter().map(|(first, count)| first.saturating_add(*count));
    std::iter::once(lowest).chain(behind).filter(|first| *first >= lowest && is_free(*first)).min()
}

fn ranges(lines: &Lines) -> impl Iterator<Item = (String, u64, u64)> {
    lines.entries().filter_map(|fields| {
        let [name, first, count] = fields.as_slice() else { return None };
        Some((name.clone(), first.trim().parse().ok()?, count.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn added(text: &str, name: &str, uid: u32) -> String {
        let out = String::from_utf8(add(text.as_bytes(), name, uid).unwrap()).unwrap();
        let old =
            if text.is_empty() || text.ends_with('\n') { text.into() } else { format!("{text}\n") };
        out.strip_prefix(&old).expect("other lines stay").to_owned()
    }

    #[test]
    fn the_range_is_limas_where_it_is_free() {
        assert_eq!(added("", "ht", 501), "ht:524288:1073741824\n");
        assert_eq!(added("# odd\nbob:100000:65536", "ht", 501), "ht:524288:1073741824\n");
        assert_eq!(added("", "ht", 600_000), "ht:600001:1073741824\n");
    }

    #[test]
    fn a_range_never_touches_another_one() {
        assert_eq!(added("bob:589824:65536\n", "ht", 501), "ht:655360:1073741824\n");
        assert_eq!(added("a:524288:1073741824\n", "ht", 501), "ht:1074266112:1073741824\n");
        assert_eq!(added("a:500000:4290000000\n", "ht", 501), "ht:4290500000:65536\n");
        assert_eq!(add(b"a:500000:4294467295\n", "ht", 501), None);
    }

    #[test]
    fn a_user_is_known_by_name_or_number() {
        let text = b"ht:100000:65536\n777:200000:65536\nodd:line\n";
        assert!(is_listed(text, "ht", 1) && is_listed(text, "x", 777));
        assert!(!is_listed(text, "h", 77) && !is_listed(text, "odd", 1));
    }

    proptest! {
        #[test]
        fn whatever_is_there_a_new_range_is_alone(
            others in prop::collection::vec((0..u32::MAX, 0..u32::MAX), 0..8),
            uid in 1..u32::MAX,
        ) {
            let text: String = others.iter().map(|(a, b)| format!("o:{a}:{b}\n")).collect();
            if let Some(out) = add(text.as_bytes(), "ht", uid) {
                let out = String::from_utf8(out).unwrap();
                let line = out.strip_prefix(&text).unwrap();
                let fields: Vec<u64> =
                    line.trim().split(':').filter_map(|field| field.parse().ok()).collect();
                let (first, end) = (fields[0], fields[0] + fields[1]);
                prop_assert!(first > u64::from(uid) && end <= END);
                for (other, count) in others {
                    let (other, count) = (u64::from(other), u64::from(count));
                    prop_assert!(end <= other || other + count <= first || count == 0);
                }
            }
        }
    }
}
