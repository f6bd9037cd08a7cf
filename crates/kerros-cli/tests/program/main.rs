//! The program as its users meet it: run as a process, judged by its status, its words and its
//! files.

mod digits;
mod jobs;
mod keras_files;
mod mistakes;
mod resume;
mod same_bits;
mod verbs;
mod workshop;
