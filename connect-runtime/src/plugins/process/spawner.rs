//! Starts processes from a thread that lives as long as the worker.
//!
//! A process asks the kernel to end it when the thread that started it ends (`PR_SET_PDEATHSIG`). So that this is the end of the worker,
//! however it comes, and nothing earlier, they are all started by one thread.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

type Order = (Command, Sender<io::Result<Child>>);

static SPAWNER: OnceLock<Option<Mutex<Sender<Order>>>> = OnceLock::new();

/// Starts the command.
pub fn spawn(command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts processes is gone");
    let orders = SPAWNER.get_or_init(start).as_ref().ok_or_else(gone)?;
    let (answer, child) = channel();
    let sent = orders.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer));
    sent.map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

fn start() -> Option<Mutex<Sender<Order>>> {
    let (sender, orders) = channel::<Order>();
    let run = move || {
        for (mut command, answer) in orders {
            // Whoever does not wait any more has the process ended.
            if let Err(unwanted) = answer.send(command.spawn())
                && let Ok(mut child) = unwanted.0
            {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    };
    std::thread::Builder::new().name("plugin-spawner".to_owned()).spawn(run).ok().map(|_| Mutex::new(sender))
}
