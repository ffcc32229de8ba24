//! The account databases, edited in memory: `passwd`, `shadow`, `group`, `gshadow`.
//!
//! Lines that are not understood are kept as they are, byte for byte; a new account is one new line
//! in each file. No `useradd` is needed, and nothing is written here: the caller gets new texts.
//! Formats: passwd(5), shadow(5), group(5), gshadow(5).

pub mod crypt;
mod edits;
mod lines;
pub mod subordinate;

use lines::Lines;

/// The four files. A missing file stays missing.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    passwd: Lines,
    group: Lines,
    shadow: Option<Lines>,
    gshadow: Option<Lines>,
}

/// An account as passwd(5) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// What a new account is to be.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Login name.
    pub name: &'a str,
    /// User id, if it may not be any.
    pub uid: Option<u32>,
    /// Comment.
    pub gecos: &'a str,
    /// Home folder.
    pub home: &'a str,
    /// Login shell.
    pub shell: &'a str,
    /// Days since 1970-01-01, for `shadow`.
    pub today: u64,
}

/// A text that passwd(5) cannot keep.
#[derive(Debug, thiserror::Error)]
#[error("making a user: {field:?} holds a colon or a line end")]
pub struct FieldError {
    field: String,
}

/// First and last id for people (the defaults of login.defs).
const REGULAR: std::ops::RangeInclusive<u32> = 1000..=60000;

impl Accounts {
    /// Takes the texts of the files.
    pub fn new(
        passwd: Vec<u8>,
        group: Vec<u8>,
        shadow: Option<Vec<u8>>,
        gshadow: Option<Vec<u8>>,
    ) -> Self {
        Self {
            passwd: Lines::new(passwd),
            group: Lines::new(group),
            shadow: shadow.map(Lines::new),
            gshadow: gshadow.map(Lines::new),
        }
    }

    /// Files with their modes and texts, in the order to write them: an account is there when its
    /// line in `passwd` is, so that comes last.
    pub fn files(&self) -> Vec<(&'static str, u32, &[u8])> {
        let mut files = vec![("/etc/group", 0o644, self.group.bytes())];
        files.extend(self.gshadow.as_ref().map(|file| ("/etc/gshadow", 0o640, file.bytes())));
        files.extend(self.shadow.as_ref().map(|file| ("/etc/shadow", 0o640, file.bytes())));
        files.push(("/etc/passwd", 0o644, self.passwd.bytes()));
        files
    }

    /// The account of this name.
    pub fn find(&self, name: &str) -> Option<Account> {
        self.all().find(|account| account.name == name)
    }

    /// All accounts.
    pub fn all(&self) -> impl Iterator<Item = Account> {
        self.passwd.entries().filter_map(|fields| account(&fields))
    }

    /// The name that a user id belongs to.
    pub fn name_of(&self, uid: u32) -> Option<String> {
        self.all().find(|it| it.uid == uid).map(|it| it.name)
    }

    /// Ids of the groups that a user is in, the primary one first.
    pub fn groups_of(&self, account: &Account) -> Vec<u32> {
        let mut groups = vec![account.gid];
        for fields in self.group.entries() {
            let [_, _, gid, members] = fields.as_slice() else { continue };
            if members.split(',').any(|member| member == account.name)
                && let Ok(gid) = gid.parse()
                && !groups.contains(&gid)
            {
                groups.push(gid);
            }
        }
        groups
    }

    /// The id of a group.
    pub fn group_id(&self, name: &str) -> Option<u32> {
        let is_it = |fields: &Vec<String>| fields.first().is_some_and(|first| first == name);
        self.group.entries().find(is_it)?.get(2)?.parse().ok()
    }

    /// Adds an account with a group of its own and a locked password. A user id that is taken is
    /// exchanged for a free one: a machine with the wrong id can be logged in to, one without the
    /// user cannot.
    ///
    /// # Errors
    /// A field that holds a colon or a line end would make other fields, or another account.
    pub fn add(&mut self, wanted: &Wanted<'_>) -> Result<Account, FieldError> {
        for field in [wanted.name, wanted.gecos, wanted.home, wanted.shell] {
            if field.contains([':', '\n', '\r', '\0']) {
                return Err(FieldError { field: field.to_owned() });
            }
        }
        let uid = match wanted.uid {
            Some(uid) if !self.is_uid_taken(uid) => uid,
            _ => REGULAR.into_iter().find(|uid| !self.is_uid_taken(*uid)).unwrap_or(65533),
        };
        let gid = self.group_for(wanted.name, uid);
        let Wanted { name, gecos, home, shell, today, .. } = wanted;
        self.passwd.push(&format!("{name}:x:{uid}:{gid}:{gecos}:{home}:{shell}"));
        if let Some(shadow) = &mut self.shadow {
            shadow.remove(name);
        }
        self.ensure_shadow(name, *today);
        Ok(Account {
            name: (*name).to_owned(),
            uid,
            gid,
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
        })
    }

    /// Gives an account that has none a line in `shadow`, without which PAM lets nobody in. `*`: no
    /// password opens it, yet sshd does not take it for a locked account, as it does with `!` where
    /// PAM is off.
    pub fn ensure_shadow(&mut self, name: &str, today: u64) {
        if let Some(shadow) = self.shadow.as_mut().filter(|shadow| !shadow.has(name)) {
            shadow.push(&format!("{name}:*:{today}:0:99999:7:::"));
        }
    }

    /// Locks the password of an account that was there before: `!` before its hash.
    pub fn lock(&mut self, name: &str) {
        let Some(shadow) = &mut self.shadow else { return };
        shadow.edit(name, 1, |hash| {
            let is_locked = hash.starts_with(b"!") || hash.starts_with(b"*");
            if is_locked { hash.to_vec() } else { [b"!", hash].concat() }
        });
    }

    /// Gives an account another shell.
    pub fn set_shell(&mut self, name: &str, shell: &str) {
        self.passwd.edit(name, 6, |_| shell.as_bytes().to_vec());
    }

    fn is_uid_taken(&self, uid: u32) -> bool {
        self.all().any(|account| account.uid == uid)
    }

    /// The group of the user's own name: a regular one that is there, or a new one, with the user's
    /// id if that is free. A system group of that name is never handed out: its members get rights.
    fn group_for(&mut self, name: &str, uid: u32) -> u32 {
        let gid_of = |fields: &Vec<String>| fields.get(2).and_then(|gid| gid.parse::<u32>().ok());
        let is_it = |fields: &Vec<String>| fields.first().is_some_and(|first| first == name);
        let same = self.group.entries().find(is_it);
        if let Some(gid) = same.as_ref().and_then(gid_of) {
            if gid != uid && !REGULAR.contains(&gid) {
                return 100;
            }
            // An earlier attempt may have ended between the two files.
            self.ensure_gshadow(name);
            return gid;
        }
        let taken: Vec<u32> = self.group.entries().filter_map(|fields| gid_of(&fields)).collect();
        let gid =
            std::iter::once(uid).chain(REGULAR).find(|gid| !taken.contains(gid)).unwrap_or(65533);
        self.group.push(&format!("{name}:x:{gid}:"));
        if let Some(gshadow) = &mut self.gshadow {
            gshadow.remove(name);
        }
        self.ensure_gshadow(name);
        gid
    }

    fn ensure_gshadow(&mut self, name: &str) {
        if let Some(gshadow) = self.gshadow.as_mut().filter(|gshadow| !gshadow.has(name)) {
            gshadow.push(&format!("{name}:!::"));
        }
    }
}

fn account(fields: &[String]) -> Option<Account> {
    let [name, _, uid, gid, _, home, shell] = fields else { return None };
    Some(Account {
        name: name.clone(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: home.clone(),
        shell: shell.clone(),
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\nodd line\n\xffgames:x:5:60:games:/usr/games:/usr/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/sh\n+::::::\n";
    const GROUP: &str = "root:x:0:\nadm:x:4:ann,bob\nwheel:x:998:bob\nann:x:1000:\n";

    fn accounts() -> Accounts {
        Accounts::new(
            PASSWD.to_vec(),
            GROUP.into(),
            Some(b"root:*:1:0:99999:7:::\nann:$6$x:1::::::\n".to_vec()),
            Some(b"root:*::\n".to_vec()),
        )
    }

    fn wanted(name: &str, uid: Option<u32>) -> Wanted<'_> {
        Wanted { name, uid, gecos: "", home: "/home/x", shell: "/bin/bash", today: 20000 }
    }

    fn check(accounts: &Accounts, expect: &Expect) {
        let before = self::accounts();
        let mut out = String::new();
        for ((name, _, text), (_, _, old)) in accounts.files().iter().zip(before.files()) {
            let (text, old) = (String::from_utf8_lossy(text), String::from_utf8_lossy(old));
            for line in text.lines().filter(|line| !old.lines().any(|old| old == *line)) {
                out.push_str(&format!("{name} {line}\n"));
            }
            assert!(text.lines().count() >= old.lines().count(), "lost a line of {name}");
        }
        expect.assert_eq(&out);
    }

    #[test]
    fn a_new_account_is_one_line_in_each_file() {
        let mut accounts = accounts();
        accounts.add(&wanted("john", Some(501))).unwrap();
        check(
            &accounts,
            &expect![[r"
                /etc/group john:x:501:
                /etc/gshadow john:!::
                /etc/shadow john:*:20000:0:99999:7:::
                /etc/passwd john:x:501:501::/home/x:/bin/bash
            "]],
        );
        let text = accounts.files()[3].2.to_vec();
        assert!(text.ends_with(b"/bin/bash\n+::::::\n"), "the NIS line stays last");
    }

    #[test]
    fn a_taken_id_is_exchanged_and_a_system_group_is_not_handed_out() {
        let mut accounts = accounts();
        assert_eq!(accounts.add(&wanted("john", Some(1000))).unwrap().uid, 1001);
        let wheel = accounts.add(&wanted("wheel", None)).unwrap();
        assert_eq!((wheel.uid, wheel.gid), (1002, 100));
        let group_taken = accounts.add(&wanted("jim", Some(998))).unwrap();
        assert_eq!((group_taken.uid, group_taken.gid), (998, 1002));
    }

    #[test]
    fn a_field_cannot_make_another_one() {
        let mut accounts = accounts();
        for bad in ["/home/x:0:0", "/x\nroot2:x:0:0::/:/bin/sh"] {
            assert!(accounts.add(&Wanted { home: bad, ..wanted("jim", None) }).is_err());
            assert!(accounts.add(&Wanted { shell: bad, ..wanted("jim", None) }).is_err());
            assert!(accounts.add(&Wanted { gecos: bad, ..wanted("jim", None) }).is_err());
        }
        check(&accounts, &expect![""]);
    }

    #[test]
    fn groups_and_names_are_found() {
        let accounts = accounts();
        let ann = accounts.find("ann").unwrap();
        assert_eq!(accounts.groups_of(&ann), [1000, 4]);
        assert_eq!(accounts.name_of(0).as_deref(), Some("root"));
        assert_eq!(accounts.find("bob"), None);
        assert_eq!(accounts.name_of(5).as_deref(), Some("\u{fffd}games"), "Latin-1 is seen too");
    }

    #[test]
    fn a_password_is_locked_once_and_comes_back_by_hand() {
        let mut accounts = accounts();
        accounts.lock("ann");
        accounts.lock("ann");
        accounts.lock("root");
        check(
            &accounts,
            &expect![[r"
            /etc/shadow ann:!$6$x:1::::::
        "]],
        );
    }
}
