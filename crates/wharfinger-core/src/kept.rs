//! Judged orders that outlive the borrow of their body, to encode a response where the body cannot be borrowed.

use std::borrow::Cow;
use std::ops::Range;

use crate::dialect::Slot;

/// Judged orders together with their body.
#[derive(Debug)]
pub struct KeptSlots<B> {
    body: B,
    /// The slots without their texts.
    slots: Vec<Slot<'static>>,
    texts: Vec<Text>,
}

/// The text of an order.
#[derive(Debug)]
enum Text {
    InBody(Range<usize>),
    /// The text of an order that was substituted for an empty body.
    Apart(String),
}

impl<B: AsRef<[u8]>> KeptSlots<B> {
    /// Detaches the slots of a body from its borrow.
    #[must_use]
    pub fn new(body: B, slots: &[Slot<'_>]) -> Self {
        let texts = slots.iter().map(|slot| text_in(body.as_ref(), slot.raw));
        Self {
            texts: texts.collect(),
            slots: slots.iter().map(without_text).collect(),
            body,
        }
    }

    /// Returns the slots with their texts.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot<'_>> {
        let pairs = self.slots.iter().zip(&self.texts);
        pairs
            .map(|(slot, text)| {
                let slot: Slot<'_> = slot.clone();
                let raw = self.text(text);
                Slot { raw, ..slot }
            })
            .collect()
    }

    fn text<'s>(&'s self, text: &'s Text) -> &'s str {
        match text {
            // The bytes were valid UTF-8 when the body was judged.
            Text::InBody(range) => self
                .body
                .as_ref()
                .get(range.clone())
                .and_then(|bytes| simdutf8::basic::from_utf8(bytes).ok())
                .unwrap_or_default(),
            Text::Apart(text) => text,
        }
    }
}

/// Finds a text in a body by its address.
fn text_in(body: &[u8], text: &str) -> Text {
    let offset = text.as_ptr().addr().wrapping_sub(body.as_ptr().addr());
    match offset.checked_add(text.len()) {
        Some(end) if end <= body.len() => Text::InBody(offset..end),
        _ => Text::Apart(text.to_owned()),
    }
}

fn without_text(slot: &Slot<'_>) -> Slot<'static> {
    let owned = |text: &Option<Cow<'_, str>>| {
        let text = text.as_deref()?;
        Some(Cow::Owned(text.to_owned()))
    };
    Slot {
        raw: "",
        line: slot.line,
        name: owned(&slot.name),
        key: owned(&slot.key),
        organisation: slot.organisation,
        email: owned(&slot.email),
        warnings: slot.warnings.clone(),
        verdict: slot.verdict.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dialect::Verdict;

    #[test]
    fn orders_come_back_with_their_texts() {
        let body = br#"[{"a":1},{"b":2}]"#.to_vec();
        let text = str::from_utf8(&body).unwrap();
        let slot = |raw| Slot {
            raw,
            line: None,
            name: None,
            key: Some(Cow::Borrowed("A-1")),
            organisation: None,
            email: None,
            warnings: Vec::new(),
            verdict: Verdict::Faulty(Arc::default()),
        };
        let slots = [slot(&text[1..8]), slot(&text[9..16]), slot("{}")];
        let kept = KeptSlots::new(&body, &slots);
        let back: Vec<_> = kept.slots().iter().map(|slot| slot.raw).collect();
        assert_eq!(back, [r#"{"a":1}"#, r#"{"b":2}"#, "{}"]);
        assert!(matches!(kept.texts[2], Text::Apart(_)));
        assert_eq!(kept.slots()[0].key.as_deref(), Some("A-1"));
    }
}
