//! Lines to nodes.

use std::iter::Peekable;
use std::str::Chars;

use crate::Error;
use crate::evaluate::Evaluator;
use crate::ordered::Ordered;
use crate::tree::{Id, Node, Step};

fn wrong(reason: &str) -> Error {
    Error::Input { format: "properties", reason: reason.into() }
}

/// The last value of a key, and the comments above.
#[derive(Debug, Default)]
struct Property {
    value: String,
    comments: Vec<String>,
}

/// One mapping, or nothing if the text is empty.
pub(crate) fn read(evaluator: &mut Evaluator<'_>, text: &str) -> Result<Option<Id>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let root = evaluator.tree.add(Node::mapping());
    for (key, property) in properties(text)?.iter() {
        let path = path(key);
        if !property.comments.is_empty() {
            let text = property.comments.join("\n");
            let head = if text.is_empty() { text } else { format!("# {text}") };
            evaluator.comment_key(root, &path, &head)?;
        }
        let node = evaluator.tree.add(Node::text(property.value.as_str()));
        evaluator.assign_at(root, &path, node)?;
    }
    Ok(Some(root))
}

fn path(key: &str) -> Vec<Step> {
    let step = |part: &str| match part.parse::<i32>() {
        Ok(index) => Step::Index(index.into()),
        Err(_) => Step::Key(part.into()),
    };
    key.split('.').map(step).collect()
}

fn properties(text: &str) -> Result<Ordered<Property>, Error> {
    let mut found = Ordered::default();
    let mut comments = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.peek().copied() {
        match first {
            '\n' | '\r' | ' ' | '\t' | '\x0C' => {
                rest.next();
            }
            '#' | '!' => {
                rest.next();
                // A comment that the end of the text cuts off is lost.
                comments.extend(comment(&mut rest));
            }
            _ => {
                let (key, value) = property(&mut rest)?;
                let comments = std::mem::take(&mut comments);
                found.change(&key, |property: &mut Property| {
                    property.value = value;
                    if !comments.is_empty() {
                        property.comments = comments;
                    }
                });
            }
        }
    }
    Ok(found)
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' ' | '\x0C' | '\t')).is_some() {}
}

fn comment(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    skip_blanks(rest);
    let mut text = String::new();
    for character in rest {
        if matches!(character, '\n' | '\r') {
            return Some(text);
        }
        text.push(character);
    }
    None
}

fn property(rest: &mut Peekable<Chars<'_>>) -> Result<(String, String), Error> {
    let (mut key, mut value) = (String::new(), String::new());
    while let Some(character) = rest.next_if(|c| !" \x0C\t\r\n:=".contains(*c)) {
        if character == '\\' {
            escape(rest, &mut key)?;
        } else {
            key.push(character);
        }
    }
    if key.is_empty() {
        return Err(wrong("a line without a key"));
    }
    skip_blanks(rest);
    rest.next_if(|c| matches!(c, ':' | '='));
    skip_blanks(rest);
    while let Some(character) = rest.next() {
        match character {
            '\n' | '\r' => break,
            '\\' if rest.next_if(|c| matches!(c, '\n' | '\r')).is_some() => skip_blanks(rest),
            '\\' => escape(rest, &mut value)?,
            _ => value.push(character),
        }
    }
    Ok((key, value))
}

fn escape(rest: &mut Peekable<Chars<'_>>, to: &mut String) -> Result<(), Error> {
    let Some(character) = rest.next() else { return Err(wrong("a `\\` at the end")) };
    to.push(match character {
        'f' => '\x0C',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let digits: String = rest.take(4).collect();
            let is_hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
            let code = code.ok_or_else(|| wrong("a bad character code"))?;
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => character,
    });
    Ok(())
}
