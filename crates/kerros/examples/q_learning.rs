//! Deep Q-learning: an agent finds the way through a maze by trying. A network tells for each
//! cell how much reward each move leads to; it learns from memories drawn at random, against the
//! answers of an older copy of itself, and the agent mostly does what the network thinks best.
//!
//! Mnih et al.: "Human-level control through deep reinforcement learning", Nature 518, 2015.
//!
//! `cargo run --release -p kerros --example q_learning`

use kerros::prelude::*;
use kerros_core::{Philox, philox::unit_f32};

const MAZE: &[u8] = b"\
    ########\
    #..#...#\
    #.##.#.#\
    #....#.#\
    #.#.##.#\
    #.#....#\
    #.#.#G.#\
    ########";
const WIDTH: usize = 8;
/// Up, right, down, left.
const MOVES: [isize; 4] = [-(WIDTH as isize), 1, WIDTH as isize, -1];
/// What a reward is worth one step earlier.
const DISCOUNT: f32 = 0.9;
const STEPS: u64 = 6000;
const BATCH: u64 = 32;

fn main() -> Result<()> {
    let network = || Sequential::new().input([MAZE.len()]).add(Dense::new(64).activation("relu"));
    let network = || network().add(Dense::new(4)).seed(1);
    let (mut agent, mut older) = (network(), network());
    agent.compile(Adam::new(2e-3), "mse", ())?;
    let free: Vec<usize> = (0..MAZE.len()).filter(|&cell| MAZE[cell] == b'.').collect();
    let mut memories: Vec<[usize; 3]> = Vec::new();
    let (philox, mut cell) = (Philox::new(1), free[0]);
    for step in 0..STEPS {
        // Less and less of what it does is chance.
        let is_curious = unit_f32(philox.word(0, step, 0)) > 0.9 * step as f32 / STEPS as f32;
        let action = match is_curious {
            true => philox.below(1, step, 0, 4) as usize,
            false => best(agent.predict_on_batch(&seen([cell])?)?.as_slice()?).0,
        };
        let next = after(cell, action);
        memories.push([cell, action, next]);
        let starts_anew = MAZE[next] == b'G' || step % 50 == 0;
        let start = free[philox.below(2, step, 0, free.len() as u64) as usize];
        cell = if starts_anew { start } else { next };

        let memory = |at| memories[philox.below(3, step, at, memories.len() as u64) as usize];
        let drawn: Vec<[usize; 3]> = (0..BATCH).map(memory).collect();
        let cells = seen(drawn.iter().map(|memory| memory[0]))?;
        let later = older.predict_on_batch(&seen(drawn.iter().map(|memory| memory[2]))?)?;
        // What the network says is right, but for the move that was made.
        let mut answers = agent.predict_on_batch(&cells)?;
        let rows = answers.as_mut_slice::<f32>()?.chunks_mut(4).zip(later.as_slice()?.chunks(4));
        for ((answer, later), [_, action, next]) in rows.zip(drawn) {
            answer[action] = if MAZE[next] == b'G' { 1.0 } else { DISCOUNT * best(later).1 };
        }
        let loss = agent.train_on_batch((&cells, &answers))?.get("loss").unwrap_or_default();
        if step % 100 == 0 {
            older.set_weights(&agent.get_weights()?)?;
        }
        if step % 1000 == 999 {
            println!("step {}: loss {loss:.6}", step + 1);
        }
    }

    let rewards = agent.predict(seen(0..MAZE.len())?)?;
    let choices: Vec<usize> = rewards.as_slice()?.chunks(4).map(|row| best(row).0).collect();
    for row in (0..MAZE.len()).step_by(WIDTH) {
        let sign = |cell: usize| match MAZE[cell] {
            b'.' => ["↑", "→", "↓", "←"][choices[cell]],
            b'G' => "G",
            _ => "█",
        };
        println!("{}", (row..row + WIDTH).map(sign).collect::<String>());
    }
    // Of all ways, the shortest one to the goal; of those that the agent takes, too.
    let shortest = steps_to_goal(|_| (0..4).collect());
    let taken = steps_to_goal(|cell| vec![choices[cell]]);
    let arrived = free.iter().filter(|&&cell| taken[cell].is_some()).count();
    let is_shortest = |cell: &&usize| taken[**cell] == shortest[**cell];
    let shortest = free.iter().filter(is_shortest).count();
    println!("{arrived} of {} ways end at the goal, {shortest} are shortest", free.len());
    assert_eq!(arrived, free.len(), "the agent arrives from everywhere");
    assert!(10 * shortest >= 9 * free.len(), "and hardly ever makes a detour");
    Ok(())
}

/// Where a move leads: walls stop it.
fn after(cell: usize, action: usize) -> usize {
    let next = cell.wrapping_add_signed(MOVES[action]);
    if MAZE[next] == b'#' { cell } else { next }
}

/// Cells as the network sees them: 1 at the cell's place, else 0.
fn seen(cells: impl IntoIterator<Item = usize>) -> Result<Tensor> {
    let row = |cell| (0..MAZE.len()).map(move |place| f32::from(place == cell));
    let rows: Vec<f32> = cells.into_iter().flat_map(row).collect();
    Tensor::new([rows.len() / MAZE.len(), MAZE.len()], rows)
}

/// The move with the highest reward, and that reward.
fn best(rewards: &[f32]) -> (usize, f32) {
    let numbered = rewards.iter().copied().enumerate();
    numbered.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are four moves")
}

/// How many steps lead from each cell to the goal, with these moves; none where they never do.
fn steps_to_goal(moves: impl Fn(usize) -> Vec<usize>) -> Vec<Option<usize>> {
    let mut steps: Vec<_> = MAZE.iter().map(|&sign| (sign == b'G').then_some(0)).collect();
    for count in 1..MAZE.len() {
        for cell in (0..MAZE.len()).filter(|&cell| MAZE[cell] == b'.') {
            let arrives =
                moves(cell).iter().any(|&action| steps[after(cell, action)] == Some(count - 1));
            steps[cell] = steps[cell].or(arrives.then_some(count));
        }
    }
    steps
}
