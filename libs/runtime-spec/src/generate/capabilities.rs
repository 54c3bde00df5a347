//! The five capability sets of the process.

use serde_json::Value;

use super::{GenerateError, Note, Work};
use crate::capability::{Capability, CapabilitySet};
use crate::options::change_capabilities;

/// What `process.capabilities` holds.
#[derive(Default)]
struct Sets {
    bounding: CapabilitySet,
    effective: CapabilitySet,
    permitted: CapabilitySet,
    inheritable: CapabilitySet,
    ambient: CapabilitySet,
}

impl Sets {
    fn bounded_by(bounding: CapabilitySet) -> Self {
        Self {
            bounding,
            ..Self::default()
        }
    }

    fn each(&mut self) -> [(&'static str, &mut CapabilitySet); 5] {
        [
            ("bounding", &mut self.bounding),
            ("effective", &mut self.effective),
            ("permitted", &mut self.permitted),
            ("inheritable", &mut self.inheritable),
            ("ambient", &mut self.ambient),
        ]
    }
}

impl Work<'_> {
    /// Writes the capability sets and returns the bounding one.
    ///
    /// Those of a template are edited each by itself: what the process does not have although its
    /// bounding set does was held back on purpose.
    pub(super) fn capabilities(
        &mut self,
        user_changed: bool,
    ) -> Result<CapabilitySet, GenerateError> {
        let options = &self.options;
        let mut sets = if options.privileged {
            Sets::bounded_by(CapabilitySet::all())
        } else if self.from_template {
            self.sets_there()
        } else {
            Sets::bounded_by(CapabilitySet::container_default())
        };
        let asked = options.privileged
            || !options.cap_add.is_empty()
            || !options.cap_drop.is_empty()
            || !options.cap_add_ambient.is_empty();
        if self.from_template && !asked && !user_changed {
            return Ok(sets.bounding);
        }
        let (add, drop) = (&options.cap_add[..], &options.cap_drop[..]);
        let is_root = self.uid() == 0;
        for (key, set) in sets.each() {
            let add = match key {
                "bounding" => add,
                "effective" | "permitted" if is_root => add,
                _ => &[],
            };
            *set = change_capabilities(std::mem::take(set), add, drop);
        }
        let everything = options.privileged || add.iter().any(|choice| choice.is_all());
        if let Some(bound) = self.host.capabilities.as_ref().filter(|_| everything) {
            let gone = sets.bounding.clamp(bound);
            sets.effective.clamp(bound);
            sets.permitted.clamp(bound);
            if !gone.is_empty() {
                let names = gone.into_iter().map(Capability::name).collect();
                self.notes.push(Note::CapabilitiesClamped { names });
            }
        }
        for capability in &options.cap_add_ambient {
            for (_, set) in sets.each() {
                set.insert(*capability);
            }
        }
        if !self.from_template || options.privileged || user_changed {
            // A user who is not root starts with none, as with podman: the bounding set only says
            // what a setuid program may still get.
            let active = if is_root {
                &sets.bounding
            } else {
                &sets.ambient
            };
            (sets.effective, sets.permitted) = (active.clone(), active.clone());
        }
        for (key, set) in sets.each() {
            self.spec
                .set(&["process", "capabilities", key], set.names())?;
        }
        Ok(sets.bounding)
    }

    fn sets_there(&self) -> Sets {
        let mut sets = Sets::default();
        for (key, set) in sets.each() {
            let there = self.spec.get(&["process", "capabilities", key]);
            let names = there.and_then(Value::as_array).into_iter().flatten();
            *set = names
                .filter_map(Value::as_str)
                .filter_map(|name| Capability::parse(name).ok())
                .collect();
        }
        sets
    }
}
