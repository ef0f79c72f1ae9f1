//! What the system lets a program have.

/// Lets this process open as many files as its user may. Each media file of a session is open while it plays or renders,
/// and what shells give at first, often 1,024, is less than a large session has. Call it once, when the program starts;
/// where the system refuses, all stays as it was.
pub fn use_all_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        // A session with more files than it may open says which one it could not.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
