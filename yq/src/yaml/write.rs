//! Nodes to text.
//!
//! Comments are kept aside until their place comes: the head before the node, the line comment after
//! what opens it, the foot below. The foot of a key waits as *tail* until the next key starts, so
//! that it comes below the whole value.

mod blocks;
mod flows;
mod lines;
mod scalars;
mod traits;

use std::rc::Rc;

use crate::Error;
use crate::scalar::{is_quoted, resolve};
use crate::tree::{Id, Kind, Node, Style, Tree};
use traits::Traits;

/// Comments that are due.
#[derive(Default)]
struct Due {
    head: Rc<str>,
    line: Rc<str>,
    foot: Rc<str>,
    tail: Rc<str>,
    key_line: Rc<str>,
}

impl Due {
    fn follows(&self) -> bool {
        !(self.line.is_empty() && self.foot.is_empty() && self.tail.is_empty())
    }

    fn set_end(&mut self, node: &Node) {
        set(&mut self.line, &node.line);
        set(&mut self.foot, &node.foot);
    }
}

fn set(to: &mut Rc<str>, comment: &Rc<str>) {
    if !comment.is_empty() {
        *to = comment.clone();
    }
}

struct Writer<'a> {
    tree: &'a Tree,
    out: String,
    step: isize,
    indent: isize,
    indents: Vec<isize>,
    column: isize,
    was_space: bool,
    is_indented: bool,
    foot_indent: isize,
    flow: usize,
    /// For each open node, whether it is an item of a block sequence.
    items: Vec<bool>,
    due: Due,
}

/// What is known about a node before it is written.
struct Opening<'a> {
    node: &'a Node,
    tag: Option<Rc<str>>,
    force_quotes: bool,
    traits: Traits,
    is_simple_key: bool,
}

/// A document as text. `indent` is the step of indentation, 2 to 9.
pub(crate) fn write(tree: &Tree, id: Id, indent: usize) -> Result<String, Error> {
    let step = if (2..=9).contains(&indent) { indent } else { 2 };
    let mut writer = Writer {
        tree,
        out: String::new(),
        step: isize::try_from(step).unwrap_or(2),
        indent: -1,
        indents: vec![],
        column: 0,
        was_space: true,
        is_indented: true,
        foot_indent: -1,
        flow: 0,
        items: vec![],
        due: Due::default(),
    };
    writer.document(id)?;
    Ok(writer.out)
}

pub(super) fn wrong(reason: &str) -> Error {
    Error::Output { format: "yaml", reason: reason.into() }
}

impl<'a> Writer<'a> {
    fn document(&mut self, id: Id) -> Result<(), Error> {
        let mut opening = self.analyze(id, "")?;
        // The foot of the whole document is written by the caller.
        let foot = Rc::clone(&opening.node.foot);
        if opening.node.kind == Kind::Scalar || opening.node.kind == Kind::Alias {
            self.due.foot = "".into();
        }
        self.process_head();
        self.enter(&mut opening, false)?;
        self.process_line();
        self.process_foot();
        self.body(id, Some(&foot))?;
        self.foot_indent = 0;
        self.process_foot();
        self.foot_indent = -1;
        self.write_indent();
        Ok(())
    }

    /// Takes in the comments before a node and looks at how it may be written.
    fn analyze(&mut self, id: Id, tail: &str) -> Result<Opening<'a>, Error> {
        let node = self.tree.get(id);
        set(&mut self.due.head, &node.head);
        if matches!(node.kind, Kind::Scalar | Kind::Alias) {
            self.due.set_end(node);
        }
        if matches!(node.kind, Kind::Scalar | Kind::Mapping) && !tail.is_empty() {
            self.due.tail = tail.into();
        }
        let name = if node.kind == Kind::Alias { &node.value } else { &node.anchor };
        let is_named = node.kind == Kind::Alias || !node.anchor.is_empty();
        if is_named && (name.is_empty() || !name.bytes().all(super::chars::is_anchor)) {
            return Err(wrong("the name of an anchor or alias is not plain text"));
        }
        let (tag, force_quotes) = tag_to_write(node);
        let traits = Traits::of(if node.kind == Kind::Scalar { &node.value } else { "" });
        Ok(Opening { node, tag, force_quotes, traits, is_simple_key: false })
    }

    /// Writes what opens a node: of a scalar or alias that is all.
    fn enter(&mut self, opening: &mut Opening<'a>, is_simple_key: bool) -> Result<(), Error> {
        opening.is_simple_key = is_simple_key;
        match opening.node.kind {
            Kind::Alias => {
                self.indicator("*", true, false, false);
                self.word(&opening.node.value);
            }
            Kind::Scalar => self.scalar(opening),
            Kind::Sequence | Kind::Mapping => {
                self.anchor(opening.node);
                self.tag(opening.tag.as_deref());
            }
            Kind::Unset if is_zero(opening.node) => {
                self.increase_indent(true);
                self.plain("null");
                self.decrease_indent();
            }
            Kind::Unset => return Err(wrong("a node without a kind")),
        }
        Ok(())
    }

    /// Writes what is in a collection.
    fn body(&mut self, id: Id, foot_elsewhere: Option<&str>) -> Result<(), Error> {
        let node = self.tree.get(id);
        let is_flow = self.flow > 0 || node.style.has(Style::FLOW) || node.content.is_empty();
        if self.items.len() > crate::tree::DEPTH_LIMIT * 2 {
            return Err(Error::TooMuch { what: "the documents are nested too deeply" });
        }
        let keeps_foot = foot_elsewhere.is_none();
        match node.kind {
            Kind::Sequence if is_flow => self.flow_sequence(node, keeps_foot),
            Kind::Sequence => self.block_sequence(node, keeps_foot),
            Kind::Mapping if is_flow => self.flow_mapping(node, keeps_foot),
            Kind::Mapping => self.block_mapping(node, keeps_foot),
            _ => Ok(()),
        }
    }

    /// The comments at the end of a collection.
    fn analyze_end(&mut self, node: &Node, keeps_foot: bool) {
        set(&mut self.due.line, &node.line);
        if keeps_foot {
            set(&mut self.due.foot, &node.foot);
        }
    }

    fn anchor(&mut self, node: &Node) {
        if !node.anchor.is_empty() {
            self.indicator("&", true, false, false);
            self.word(&node.anchor);
        }
    }

    fn word(&mut self, text: &str) {
        self.put_all(text);
        self.was_space = false;
        self.is_indented = false;
    }

    /// `!name` and `!!name` as they are, anything else as `!<...>`.
    fn tag(&mut self, tag: Option<&str>) {
        let Some(tag) = tag else { return };
        if let Some(suffix) = tag.strip_prefix("!!").or_else(|| tag.strip_prefix('!')) {
            let handle = tag.get(..tag.len() - suffix.len()).unwrap_or_default();
            if !self.was_space {
                self.put(' ');
            }
            self.word(handle);
            self.tag_content(suffix);
        } else {
            self.indicator("!<", true, false, false);
            self.tag_content(tag);
            self.indicator(">", false, false, false);
        }
    }

    fn tag_content(&mut self, text: &str) {
        for byte in text.bytes() {
            let is_plain = super::chars::is_word(byte) || b";/?:@&=+$,_.~*'()[]".contains(&byte);
            if is_plain {
                self.put(char::from(byte));
            } else {
                self.put_all(&format!("%{byte:02X}"));
            }
        }
        self.was_space = false;
        self.is_indented = false;
    }
}

fn is_zero(node: &Node) -> bool {
    node.tag.is_empty() && node.value.is_empty() && node.content.is_empty()
}

/// The tag, unless the value has it anyway; and whether only quotes make the value a text.
fn tag_to_write(node: &Node) -> (Option<Rc<str>>, bool) {
    let tag = (!node.tag.is_empty() && node.kind != Kind::Alias).then(|| node.tag.clone());
    if tag.is_none() || node.style.has(Style::TAGGED) {
        return (tag, false);
    }
    let implied = match node.kind {
        Kind::Mapping => "!!map",
        Kind::Sequence => "!!seq",
        _ if &*node.tag == "!!str" && is_quoted(node.style) => "!!str",
        _ => match resolve(&node.value) {
            "!!merge" => "",
            tag => tag,
        },
    };
    if implied == &*node.tag {
        return (None, false);
    }
    let is_text = node.kind == Kind::Scalar && &*node.tag == "!!str";
    (tag.filter(|_| !is_text), is_text)
}
