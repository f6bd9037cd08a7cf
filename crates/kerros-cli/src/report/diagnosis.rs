//! What the curves of a run show, and what to try.

use std::fmt;

use kerros::History;

/// What the curves look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The loss became NaN or infinite.
    NotANumber,
    /// Too few epochs to say anything.
    TooShort,
    /// The loss grows.
    Diverging,
    /// The loss does not fall.
    NotLearning,
    /// The validation loss grows while the training loss falls, or is far behind it.
    Overfitting,
    /// Training stands still far from a good result.
    Underfitting,
    /// The loss is still falling.
    StillImproving,
    /// Nothing to complain about.
    Fine,
}

/// A verdict, what it rests on, and what to try.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// What the curves look like.
    pub verdict: Verdict,
    /// What is seen, with the numbers.
    pub seen: String,
    /// What to try, the likeliest first.
    pub advice: &'static [&'static str],
}

/// Epochs below which curves say nothing.
const FEWEST_EPOCHS: usize = 3;
/// A relative change of the loss below which it stands still.
const STILL: f64 = 0.02;
/// The relative fall over the last quarter that shows a run that ended too early.
const FALLING: f64 = 0.05;
/// How far the validation loss must have risen above its least, relatively.
const RISEN: f64 = 0.1;
/// How far the validation accuracy may be behind the training accuracy.
const GAP: f64 = 0.1;
/// The accuracy from which nothing is amiss.
const GOOD: f64 = 0.97;
/// The accuracy below which standing still is too early.
const POOR: f64 = 0.8;

/// The loss, the accuracy and their validation counterparts.
struct Curves<'a> {
    loss: &'a [f64],
    val_loss: Option<&'a [f64]>,
    accuracy: Option<f64>,
    val_accuracy: Option<f64>,
}

impl<'a> Curves<'a> {
    fn of(history: &'a History) -> Self {
        let is_accuracy = |name: &&str| !name.starts_with("val_") && name.contains("acc");
        let accuracy = history.names().find(is_accuracy);
        let loss = history.get("loss").unwrap_or_default();
        Curves {
            loss,
            val_loss: history.get("val_loss").filter(|val| val.len() == loss.len()),
            accuracy: accuracy.and_then(|name| history.last(name)),
            val_accuracy: accuracy.and_then(|name| history.last(&format!("val_{name}"))),
        }
    }

    /// The accuracy that counts, when any is known.
    fn judged_accuracy(&self) -> Option<f64> {
        self.val_accuracy.or(self.accuracy)
    }
}

/// Looks at the curves of a run.
///
/// The rules, the first that holds: a loss that is no number; fewer than three epochs; a loss
/// that ends above its start; a loss that fell by less than 2 %; a validation loss that rose by
/// a tenth after its least, or an accuracy that is a tenth behind; a loss that stands still at
/// a poor accuracy; a loss that fell by a twentieth in the last quarter.
pub fn diagnose(history: &History) -> Diagnosis {
    let curves = Curves::of(history);
    not_a_number(&curves)
        .or_else(|| too_short(&curves))
        .or_else(|| not_falling(&curves))
        .or_else(|| overfitting(&curves))
        .or_else(|| underfitting(&curves))
        .or_else(|| still_improving(&curves))
        .unwrap_or_else(|| fine(&curves))
}

fn not_a_number(curves: &Curves<'_>) -> Option<Diagnosis> {
    let losses = [Some(curves.loss), curves.val_loss];
    let first_bad = |losses: &[f64]| losses.iter().position(|loss| !loss.is_finite());
    let epoch = losses.into_iter().flatten().filter_map(first_bad).min()?;
    Some(Diagnosis {
        verdict: Verdict::NotANumber,
        seen: format!("the loss is not a finite number from epoch {} on", epoch + 1),
        advice: &[
            "a smaller learning rate, ten times smaller to begin with",
            "clip the gradients: clipnorm = 1.0 in the optimizer",
            "inputs of about -1 to 1: a Normalization or Rescaling layer first",
        ],
    })
}

fn too_short(curves: &Curves<'_>) -> Option<Diagnosis> {
    let epochs = curves.loss.len();
    (epochs < FEWEST_EPOCHS).then(|| Diagnosis {
        verdict: Verdict::TooShort,
        seen: format!(
            "{epochs} epoch{} show too little to judge by",
            if epochs == 1 { "" } else { "s" }
        ),
        advice: &["more epochs"],
    })
}

fn not_falling(curves: &Curves<'_>) -> Option<Diagnosis> {
    let (first, last) = (*curves.loss.first()?, *curves.loss.last()?);
    let fall = (first - last) / first.abs().max(f64::MIN_POSITIVE);
    if fall >= STILL || curves.judged_accuracy().is_some_and(|accuracy| accuracy >= GOOD) {
        return None;
    }
    let seen = format!("the training loss went from {first:.4} to {last:.4}");
    if fall < -STILL {
        return Some(Diagnosis {
            verdict: Verdict::Diverging,
            seen: format!("{seen}: it grows"),
            advice: &[
                "a smaller learning rate, ten times smaller to begin with",
                "inputs of about -1 to 1: a Normalization or Rescaling layer first",
            ],
        });
    }
    Some(Diagnosis {
        verdict: Verdict::NotLearning,
        seen: format!("{seen}: it hardly moves, from the first epoch on"),
        advice: &[
            "another learning rate: ten times larger, then ten times smaller",
            "check that inputs and targets belong together, row by row",
            "check the loss and the last activation: softmax for classes, sigmoid for yes or \
             no, none for quantities",
            "if the loss is already good enough, nothing: the model has learned what there is",
        ],
    })
}

fn overfitting(curves: &Curves<'_>) -> Option<Diagnosis> {
    const ADVICE: &[&str] = &[
        "stop when validation stops improving: EarlyStopping with restore_best_weights",
        "Dropout between the layers, or an L2 kernel_regularizer",
        "fewer units or layers, or more data",
    ];
    if let Some(val_loss) = curves.val_loss {
        let smooth = smooth(val_loss);
        let (best, least) =
            smooth.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let last = *smooth.last()?;
        let is_later = smooth.len() - 1 - best >= (smooth.len() / 10).max(2);
        let train_fell = curves.loss.last() < curves.loss.get(best);
        if is_later && train_fell && last - least > RISEN * least.abs() {
            return Some(Diagnosis {
                verdict: Verdict::Overfitting,
                seen: format!(
                    "the validation loss was least about epoch {} ({least:.4}) and rose to \
                     {last:.4} while the training loss fell: the model learns rows by heart",
                    best + 1
                ),
                advice: ADVICE,
            });
        }
    }
    let (train, validation) = (curves.accuracy?, curves.val_accuracy?);
    (train - validation > GAP).then(|| Diagnosis {
        verdict: Verdict::Overfitting,
        seen: format!(
            "the accuracy is {train:.4} on the rows it learned from and {validation:.4} on those \
             it did not"
        ),
        advice: ADVICE,
    })
}

/// The mean of each epoch and its neighbours, so that a single lucky or unlucky epoch decides
/// nothing; short runs as they are.
fn smooth(losses: &[f64]) -> Vec<f64> {
    const FEWEST_TO_SMOOTH: usize = 8;
    if losses.len() < FEWEST_TO_SMOOTH {
        return losses.to_vec();
    }
    let mean = |near: &[f64]| near.iter().sum::<f64>() / near.len() as f64;
    let last = losses.len() - 1;
    (0..=last).map(|epoch| mean(&losses[epoch.saturating_sub(1)..=(epoch + 1).min(last)])).collect()
}

/// How much the loss fell over the last quarter, relatively.
fn late_fall(losses: &[f64]) -> f64 {
    let losses = smooth(losses);
    let back = (losses.len() / 4).max(1);
    let (Some(&last), Some(&before)) = (losses.last(), losses.get(losses.len() - 1 - back)) else {
        return 0.0;
    };
    (before - last) / before.abs().max(f64::MIN_POSITIVE)
}

fn underfitting(curves: &Curves<'_>) -> Option<Diagnosis> {
    let accuracy = curves.accuracy.filter(|&accuracy| accuracy < POOR)?;
    (late_fall(curves.loss) < STILL).then(|| Diagnosis {
        verdict: Verdict::Underfitting,
        seen: format!("the accuracy stands still at {accuracy:.4}, on the training rows too"),
        advice: &[
            "more units or another layer",
            "a larger learning rate, or the optimizer adam",
            "inputs of about -1 to 1: a Normalization or Rescaling layer first",
            "inputs that say more about the target",
        ],
    })
}

fn still_improving(curves: &Curves<'_>) -> Option<Diagnosis> {
    if curves.judged_accuracy().is_some_and(|accuracy| accuracy >= GOOD) {
        return None;
    }
    let fall = late_fall(curves.loss);
    let validation_falls = curves.val_loss.is_none_or(|val_loss| late_fall(val_loss) > FALLING);
    (fall > FALLING && validation_falls).then(|| Diagnosis {
        verdict: Verdict::StillImproving,
        seen: format!(
            "the loss fell by {:.0} % in the last quarter of the run: it was not done",
            fall * 100.0
        ),
        advice: &["more epochs: --epochs", "a larger learning rate"],
    })
}

fn fine(curves: &Curves<'_>) -> Diagnosis {
    let seen = match curves.val_loss {
        Some(_) => "the loss fell and the validation loss followed it",
        None => "the loss fell; without validation data nothing shows whether it overfits",
    };
    let advice: &[&str] = match curves.val_loss {
        Some(_) => &[],
        None => &["validation data: --validation-split 0.2, or validation_fraction in [data]"],
    };
    Diagnosis { verdict: Verdict::Fine, seen: seen.into(), advice }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Verdict::NotANumber => "not a number",
            Verdict::TooShort => "too short",
            Verdict::Diverging => "diverging",
            Verdict::NotLearning => "not learning",
            Verdict::Overfitting => "overfitting",
            Verdict::Underfitting => "underfitting",
            Verdict::StillImproving => "still improving",
            Verdict::Fine => "fine",
        };
        write!(f, "Diagnosis: {word}; {}", self.seen)?;
        for (at, advice) in self.advice.iter().enumerate() {
            let lead = if at == 0 { "try:" } else { "    " };
            write!(f, "\n  {lead} {advice}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kerros::Metrics;

    use super::*;

    /// A history of these curves.
    fn history(curves: &[(&str, &[f64])]) -> History {
        let mut history = History::default();
        for epoch in 0..curves[0].1.len() {
            let mut logs = Metrics::default();
            for (name, values) in curves {
                logs.set(*name, values[epoch]);
            }
            history.record(epoch, &logs);
        }
        history
    }

    fn verdict(curves: &[(&str, &[f64])]) -> Verdict {
        diagnose(&history(curves)).verdict
    }

    #[test]
    fn losses_that_are_no_numbers_come_before_all_else() {
        let found = diagnose(&history(&[("loss", &[1.0, f64::NAN])]));
        assert_eq!(found.verdict, Verdict::NotANumber);
        assert!(found.seen.ends_with("from epoch 2 on"), "{}", found.seen);
        let late = [("loss", [1.0, 0.5].as_slice()), ("val_loss", &[f64::INFINITY, 1.0])];
        assert_eq!(verdict(&late), Verdict::NotANumber);
    }

    #[test]
    fn two_epochs_are_too_few() {
        assert_eq!(verdict(&[("loss", &[1.0, 0.5])]), Verdict::TooShort);
        assert!(diagnose(&History::default()).seen.starts_with("0 epochs"));
    }

    #[test]
    fn a_loss_that_grows_or_stands_still() {
        assert_eq!(verdict(&[("loss", &[1.0, 1.5, 3.0])]), Verdict::Diverging);
        assert_eq!(verdict(&[("loss", &[2.31, 2.30, 2.30])]), Verdict::NotLearning);
        // Learned within the first epoch: nothing is wrong with that.
        let learned = [("accuracy", [0.99, 0.99, 0.99].as_slice()), ("loss", &[0.03, 0.03, 0.03])];
        assert_eq!(verdict(&learned), Verdict::Fine);
    }

    #[test]
    fn a_validation_loss_that_turns_up() {
        let found = diagnose(&history(&[
            ("loss", &[1.0, 0.6, 0.4, 0.3, 0.2]),
            ("val_loss", &[1.0, 0.7, 0.8, 0.9, 1.0]),
        ]));
        assert_eq!(found.verdict, Verdict::Overfitting);
        assert!(found.seen.contains("least about epoch 2 (0.7000) and rose to 1.0000"));
        // A last epoch that is a little worse by chance is no sign of anything.
        let chance = [("loss", [1.0, 0.6, 0.4].as_slice()), ("val_loss", &[1.0, 0.70, 0.71])];
        assert_ne!(verdict(&chance), Verdict::Overfitting);
    }

    #[test]
    fn a_single_unlucky_epoch_decides_nothing() {
        let falling: Vec<f64> = (0..20).map(|epoch| 0.9f64.powi(epoch)).collect();
        let mut validation = falling.clone();
        validation[19] *= 1.5;
        assert_ne!(verdict(&[("loss", &falling), ("val_loss", &validation)]), Verdict::Overfitting);
        for late in &mut validation[12..] {
            *late = 0.4;
        }
        assert_eq!(verdict(&[("loss", &falling), ("val_loss", &validation)]), Verdict::Overfitting);
    }

    #[test]
    fn an_accuracy_that_is_far_behind() {
        let curves = [
            ("accuracy", [0.5, 0.9, 0.99].as_slice()),
            ("loss", &[1.0, 0.5, 0.3]),
            ("val_accuracy", &[0.5, 0.7, 0.8]),
            ("val_loss", &[1.0, 0.8, 0.8]),
        ];
        assert_eq!(verdict(&curves), Verdict::Overfitting);
    }

    #[test]
    fn standing_still_too_early() {
        let curves = [("accuracy", [0.3, 0.5, 0.5].as_slice()), ("loss", &[2.0, 1.5, 1.499])];
        assert_eq!(verdict(&curves), Verdict::Underfitting);
    }

    #[test]
    fn ended_too_early() {
        assert_eq!(verdict(&[("loss", &[1.0, 0.8, 0.6, 0.4])]), Verdict::StillImproving);
        assert_eq!(verdict(&[("loss", &[1.0, 0.5, 0.499, 0.498])]), Verdict::Fine);
    }

    #[test]
    fn the_text_lists_what_to_try() {
        let text = diagnose(&history(&[("loss", &[1.0, 0.8, 0.6, 0.4])])).to_string();
        assert_eq!(
            text,
            "Diagnosis: still improving; the loss fell by 33 % in the last quarter of the run: it \
             was not done\n  try: more epochs: --epochs\n       a larger learning rate"
        );
    }
}
