//! Create and update from one list of fields: what a request sets, of what its field mask names.

use std::fmt;
use std::sync::Arc;

use prost_types::FieldMask;
use supplysync_model::Fault;

use crate::fields::{Field, Fields};

type Setter<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

/// The checked changes of one request, ready to be made to a value, as often as a write is tried.
pub struct Patch<T> {
    setters: Vec<Setter<T>>,
}

impl<T> Patch<T> {
    /// Makes the changes.
    pub fn apply(&self, value: &mut T) {
        for set in &self.setters {
            set(value);
        }
    }

    /// The value with the changes made: a new one, out of a blank.
    pub fn onto(&self, mut value: T) -> T {
        self.apply(&mut value);
        value
    }
}

impl<T> Clone for Patch<T> {
    fn clone(&self) -> Self {
        Patch {
            setters: self.setters.clone(),
        }
    }
}

impl<T> fmt::Debug for Patch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patch of {} fields", self.setters.len())
    }
}

/// Reads a patch field by field, and every violation with it.
pub(crate) struct PatchReader<'a, T> {
    mask: Option<&'a FieldMask>,
    known: Vec<&'static str>,
    setters: Vec<Setter<T>>,
    pub(crate) fields: Fields,
}

impl<'a, T: 'static> PatchReader<'a, T> {
    /// No mask, an empty one, and `*` mean every field.
    pub(crate) fn new(mask: Option<&'a FieldMask>) -> Self {
        let everything =
            |mask: &&FieldMask| mask.paths.is_empty() || mask.paths.iter().any(|path| path == "*");
        PatchReader {
            mask: mask.filter(|mask| !everything(mask)),
            known: Vec::new(),
            setters: Vec::new(),
            fields: Fields::new(),
        }
    }

    /// A field that may be changed: read only if the mask names it.
    pub(crate) fn set<V: Clone + Send + Sync + 'static>(
        &mut self,
        field: &'static str,
        read: impl FnOnce() -> Field<V>,
        set: fn(&mut T, V),
    ) {
        if let Some(value) = self
            .named(field)
            .then(|| self.fields.take(field, read()))
            .flatten()
        {
            self.setters
                .push(Arc::new(move |target| set(target, value.clone())));
        }
    }

    /// A text, taken as it is: its length and characters are for the rules to judge.
    pub(crate) fn text(&mut self, field: &'static str, text: String, set: fn(&mut T, String)) {
        self.set(field, || Ok(text), set);
    }

    /// A field that may be changed and is read by the caller: whether the mask names it.
    pub(crate) fn named(&mut self, field: &'static str) -> bool {
        self.known.push(field);
        self.mask
            .is_none_or(|mask| mask.paths.iter().any(|path| path == field))
    }

    /// The caller's own reading of a field.
    pub(crate) fn push(&mut self, set: impl Fn(&mut T) + Send + Sync + 'static) {
        self.setters.push(Arc::new(set));
    }

    pub(crate) fn finish(mut self) -> Result<Patch<T>, Fault> {
        let paths = self.mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        for path in paths.iter().filter(|path| !self.known.contains(&path.as_str())) {
            let known = self.known.join(", ");
            let message = format!("{path:?} is not a field that can be changed here; those are {known}");
            self.fields.wrong("update_mask", message);
        }
        let setters = self.setters;
        self.fields.finish(Some(Patch { setters }))
    }
}
