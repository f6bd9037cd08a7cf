//! The batches of a run, from arrays or from a source, one after the other.

use kerros_core::{Error, ErrorKind, Result};
use kerros_data::{Batch, BatchSource, Batches, Samples};
use smallvec::SmallVec;

use super::arrays::{Arrays, ClassWeights};
use super::per_output::PerOutput;
use super::{ExecutableId, Mode};
use crate::model::Model;

/// Where a stream stands: the place from which a run can be taken up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The pass over the data: it tells the order of rows.
    pub(crate) pass: u64,
    /// Batches of the pass that were taken.
    pub(crate) batch: usize,
    /// Whether the pass is known to be over, so that the next epoch begins another.
    pub(crate) is_over: bool,
}

/// Batches, drawn one at a time and run by a model.
pub(crate) struct Stream<'d> {
    data: Data<'d>,
    at: Position,
    class_weight: Option<PerOutput<ClassWeights>>,
    /// What the messages call the data.
    what: &'static str,
    /// The number of rows of the last batch, and its executable.
    last: Option<(usize, ExecutableId)>,
}

enum Data<'d> {
    Arrays { arrays: Arrays, batches: Batches },
    Source { source: Box<dyn BatchSource + 'd>, drawn: Option<Drawn> },
}

/// A batch of a source.
enum Drawn {
    /// As it came.
    Samples(Samples),
    /// Checked, and in the types that the graphs take.
    Ready(Arrays),
}

impl<'d> Stream<'d> {
    /// Batches of arrays.
    pub(crate) fn of_arrays(arrays: Arrays, batches: Batches) -> Self {
        Stream::new(Data::Arrays { arrays, batches }, "fit")
    }

    /// Batches of a source; `what` is what messages call it.
    pub(crate) fn of_source(source: Box<dyn BatchSource + 'd>, what: &'static str) -> Self {
        Stream::new(Data::Source { source, drawn: None }, what)
    }

    fn new(data: Data<'d>, what: &'static str) -> Self {
        Stream {
            data,
            at: Position { is_over: true, ..Position::default() },
            class_weight: None,
            what,
            last: None,
        }
    }

    /// Multiplies the weight of each row of a source by that of its class.
    pub(crate) fn with_class_weight(
        mut self,
        class_weight: Option<PerOutput<ClassWeights>>,
    ) -> Self {
        self.class_weight = class_weight;
        self
    }

    /// The number of batches of a pass, when it is known.
    pub(crate) fn num_batches(&self) -> Option<usize> {
        match &self.data {
            Data::Arrays { batches, .. } => Some(batches.num_batches()),
            Data::Source { source, .. } => source.num_batches(),
        }
    }

    /// The number of rows of a batch, when batches are cut from arrays.
    pub(crate) fn batch_size(&self) -> Option<usize> {
        match &self.data {
            Data::Arrays { batches, .. } => Some(batches.batch_size()),
            Data::Source { .. } => None,
        }
    }

    /// Orders the rows of arrays by another seed.
    pub(crate) fn shuffle(&mut self, seed: u64) {
        if let Data::Arrays { batches, .. } = &mut self.data {
            *batches = batches.clone().shuffle(seed);
        }
    }

    /// A number that other arrays hardly have; of a source nothing is known.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        match &self.data {
            Data::Arrays { arrays, .. } => Some(format!("{:016x}", arrays.fingerprint())),
            Data::Source { .. } => None,
        }
    }

    /// Where the stream stands.
    pub(crate) fn position(&self) -> Position {
        self.at
    }

    /// Goes on where the last epoch ended; when that was the end of a pass, or `anew`, pass
    /// `pass` begins.
    pub(crate) fn begin_epoch(&mut self, pass: u64, anew: bool) -> Result<()> {
        match anew || self.at.is_over {
            true => self.restart(pass),
            false => Ok(()),
        }
    }

    fn restart(&mut self, pass: u64) -> Result<()> {
        let is_restarted = match &mut self.data {
            Data::Arrays { .. } => true,
            Data::Source { source, drawn } => {
                let is_restarted = source.restart(pass)?;
                if is_restarted {
                    *drawn = None;
                }
                is_restarted
            }
        };
        if is_restarted {
            self.at = Position { pass, ..Position::default() };
        }
        self.at.is_over = false;
        Ok(())
    }

    /// Goes to where another run stood. A source is asked for the batches before and they are
    /// dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] when it has no so many.
    pub(crate) fn go_to(&mut self, place: Position) -> Result<()> {
        self.restart(place.pass)?;
        while self.at.batch < place.batch {
            if !self.draw()? {
                return Err(Error::new(
                    ErrorKind::Data,
                    format!("the data end after {} batches", self.at.batch),
                )
                .expected(format!("{} batches, as in the run that was begun", place.batch)));
            }
            self.take();
        }
        // The pass of an iterator that goes on is the one in which the run began.
        self.at = place;
        Ok(())
    }

    /// Makes sure that there is a batch to run; `false` when the pass is over.
    pub(crate) fn draw(&mut self) -> Result<bool> {
        let there = match &mut self.data {
            Data::Arrays { batches, .. } => self.at.batch < batches.num_batches(),
            Data::Source { drawn: Some(_), .. } => true,
            Data::Source { source, drawn } => {
                *drawn = source.next_batch().transpose()?.map(Drawn::Samples);
                drawn.is_some()
            }
        };
        self.at.is_over = !there;
        Ok(there)
    }

    /// Counts the drawn batch as done.
    pub(crate) fn take(&mut self) {
        self.at.batch += 1;
        match &mut self.data {
            Data::Arrays { batches, .. } => {
                self.at.is_over = self.at.batch >= batches.num_batches();
            }
            Data::Source { source, drawn } => {
                *drawn = None;
                let last = source.num_batches();
                self.at.is_over = last.is_some_and(|last| self.at.batch >= last);
            }
        }
    }

    /// Brings a batch that was drawn from a source into the types that the graphs take: the
    /// model is built and its metrics are made by the first.
    pub(crate) fn prepare(&mut self, model: &mut Model) -> Result<()> {
        let Data::Source { drawn, .. } = &mut self.data else { return Ok(()) };
        if let Some(Drawn::Samples(samples)) = drawn {
            let mut arrays = model.arrays(samples, self.what)?;
            if let Some(classes) = &self.class_weight {
                arrays.weigh_classes(&model.network.output_names(), classes)?;
            }
            *drawn = Some(Drawn::Ready(arrays));
        }
        Ok(())
    }

    /// Runs the drawn batch.
    ///
    /// # Errors
    /// Data that do not fit; a device that fails.
    pub(crate) fn run(&mut self, model: &mut Model, mode: Mode) -> Result<()> {
        self.prepare(model)?;
        let at = self.at;
        let are_alike = self.batch_size().is_some();
        let (arrays, batch) = match &mut self.data {
            Data::Arrays { arrays, batches } => {
                (&*arrays, batches.epoch_from(at.pass, at.batch).next())
            }
            Data::Source { drawn: Some(Drawn::Ready(arrays)), .. } => {
                (&*arrays, Some(Batch::Range(0..arrays.rows as u32)))
            }
            Data::Source { .. } => return Err(nothing_drawn()),
        };
        let batch = batch.ok_or_else(nothing_drawn)?;
        let rows = batch.len();
        // Batches of one array differ in nothing but their number of rows.
        let same = self
            .last
            .filter(|&(last, id)| are_alike && last == rows && model.executables.holds(id));
        let id = match same {
            Some((_, id)) => id,
            None => model.executable_for(&arrays.key(mode, rows))?,
        };
        self.last = Some((rows, id));
        let mut feeds = SmallVec::<[_; 8]>::new();
        arrays.feeds(batch, &mut feeds);
        model.run_batch(id, &feeds)
    }
}

fn nothing_drawn() -> Error {
    Error::new(ErrorKind::Internal, "no batch was drawn")
}
