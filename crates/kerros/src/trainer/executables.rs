//! The executables of a model: one for each kind of step and shape of batches that it has met.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_plan::Executable;
use smallvec::SmallVec;

use super::Mode;

/// Executables that are kept. Each holds the memory of its steps, and batches of ever other shapes
/// would have ever more of them; those of a run are few.
const MAX_KEPT: usize = 32;

/// What tells one executable of a model from another: everything its graph depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExecutableKey {
    pub(crate) mode: Mode,
    pub(crate) rows: usize,
    /// The shape of one row of each input.
    pub(crate) inputs: SmallVec<[Shape; 1]>,
    /// The shape of one row of each output's target; empty when predicting.
    pub(crate) targets: SmallVec<[Option<Shape>; 1]>,
    /// The shape of one row of each output's sample weights.
    pub(crate) weights: SmallVec<[Option<Shape>; 1]>,
}

/// One executable: no other gets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExecutableId(u64);

/// The executables that were used last.
#[derive(Default)]
pub(crate) struct Executables {
    /// The one that was used last at the end.
    kept: Vec<Kept>,
    num_made: u64,
}

struct Kept {
    id: ExecutableId,
    key: ExecutableKey,
    executable: Box<dyn Executable>,
}

impl Executables {
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }

    /// The executable for this key, if it is kept.
    pub(crate) fn find(&self, key: &ExecutableKey) -> Option<ExecutableId> {
        self.kept.iter().find(|kept| kept.key == *key).map(|kept| kept.id)
    }

    pub(crate) fn holds(&self, id: ExecutableId) -> bool {
        self.kept.iter().any(|kept| kept.id == id)
    }

    /// Whether there is one of this mode.
    pub(crate) fn any_of(&self, mode: Mode) -> bool {
        self.kept.iter().any(|kept| kept.key.mode == mode)
    }

    /// Keeps an executable; when there are many, the one that was not used for longest goes.
    pub(crate) fn add(
        &mut self,
        key: ExecutableKey,
        executable: Box<dyn Executable>,
    ) -> ExecutableId {
        if self.kept.len() >= MAX_KEPT {
            self.kept.remove(0);
        }
        let id = ExecutableId(self.num_made);
        self.num_made += 1;
        self.kept.push(Kept { id, key, executable });
        id
    }

    /// An executable, to be used.
    ///
    /// # Errors
    /// [`ErrorKind::State`] when it is not kept any more.
    pub(crate) fn get(&mut self, id: ExecutableId) -> Result<&mut dyn Executable> {
        let at = self.kept.iter().position(|kept| kept.id == id).ok_or_else(|| {
            Error::new(ErrorKind::State, "the results of a batch are no longer kept")
                .hint("read them before the model runs on batches of many other shapes")
        })?;
        self.kept[at..].rotate_left(1);
        let last = self.kept.len() - 1;
        Ok(&mut *self.kept[last].executable)
    }

    pub(crate) fn explain(&self) -> String {
        let mut kept: Vec<&Kept> = self.kept.iter().collect();
        kept.sort_by_key(|kept| kept.id.0);
        let texts: Vec<String> = kept.iter().map(|kept| kept.executable.explain()).collect();
        texts.join("\n")
    }
}
