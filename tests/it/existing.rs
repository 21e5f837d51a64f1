//! Tables that the application's own migrations made: copied into, followed, and left as they were

mod conflicts;
pub mod hand;
mod load;
mod moved;
mod policies;
mod refusals;
mod seams;
mod triggers;
