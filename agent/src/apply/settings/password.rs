//! The password that the user needs for sudo where Lima's host asks for one.
//!
//! It is made by chance once in the life of an account and told in the user's home, as Lima does it:
//! a marker beside it says that it was, and neither comes back when its owner removes the password's
//! file. The text goes from the generator into two files and nowhere else.

use nixvm_system::{Attrs, Change, GuestPath, Links, Owner, Secret, System};

use super::{Fault, LOCK_LIMIT, PASSWORD_LOCK, find, no_accounts, save};
use crate::accounts::crypt;
use crate::facts;

const MARKER: &str = ".lima-password-set";

/// The file comes first and the marker last, so that whenever the power goes the next boot does all
/// of it again, and nobody is left with a password that was never told.
pub fn set(system: &mut dyn System, user: &str) -> Result<Change, Fault> {
    let account = find(system, user)?;
    let home = GuestPath::new(&account.home)?;
    let marker = home.join(MARKER)?;
    if system.stat(&marker)?.is_some() {
        return Ok(Change::Unchanged);
    }
    let password = password(system)?;
    let salt = chance::<12>(system)?;
    let hash = crypt::sha512(&password, salt);
    let owner = Owner { uid: account.uid, gid: account.gid };
    let links = Links::RefuseBelow(&home);
    let text = Secret::new(format!("{}\n", password.reveal()));
    let attrs = Attrs { mode: 0o600, owner };
    system.write(&home.join("password")?, text.reveal().as_bytes(), attrs, links)?;
    set_hash(system, user, &hash)?;
    Ok(system.write(&marker, b"", Attrs { mode: 0o644, owner }, links)?)
}

fn set_hash(system: &mut dyn System, user: &str, hash: &str) -> Result<(), Fault> {
    let _lock = system.lock(&GuestPath::new(PASSWORD_LOCK)?, LOCK_LIMIT)?;
    let mut accounts = facts::accounts(system)?.ok_or_else(no_accounts)?;
    if !accounts.has_shadow() {
        return Err(Fault::new("no-accounts", "there is no /etc/shadow to keep a password in"));
    }
    accounts.set_password(user, hash, system.now().as_secs() / 86400);
    save(system, &accounts)?;
    Ok(())
}

/// 64 bits as 16 hexadecimal digits.
fn password(system: &mut dyn System) -> Result<Secret<String>, Fault> {
    let bytes = chance::<8>(system)?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn chance<const N: usize>(system: &mut dyn System) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    system.random(&mut bytes).map_err(|error| {
        Fault::new("no-random", format!("asking the kernel for random bytes: {error}"))
    })?;
    Ok(bytes)
}
