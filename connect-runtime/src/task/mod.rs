//! What every task has, source or sink: its thread, its orders, its status, its share of memory, its restarts.

mod budget;
mod call;
mod order;
mod rate;
pub mod restart;
mod thread;
mod view;

pub use budget::{MemoryBudget, Share};
pub use call::{Calls, Retries};
pub use order::{Order, OrderSender, Orders, orders};
pub use rate::{Pacer, RateLimits};
pub use thread::{Pulse, TaskEnd, TaskThread, on_own_thread, on_passing_thread, start_thread};
pub use view::{TaskId, TaskView, Trouble, ViewSnapshot};
