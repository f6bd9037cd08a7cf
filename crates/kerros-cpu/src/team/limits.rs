//! How many threads this process can use: its affinity, its cgroup's quota, its cores.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// The number of threads that are of use to this process, at least 1.
///
/// The smallest of
/// - what the standard library finds, which is the number of processors that the scheduler
///   may place this process on, within the quota of its cgroup;
/// - the quota of its cgroup (version 1 or 2) as this function finds it: it also finds one
///   whose hierarchy is mounted in an unusual place or seen from inside a container;
/// - the number of physical cores among the allowed processors: two threads on one core
///   share its arithmetic units, and a barrier then waits for the slower.
pub fn default_num_threads() -> usize {
    let system = System { root: PathBuf::from("/") };
    let standard = thread::available_parallelism().map_or(1, usize::from);
    [system.quota(), system.num_allowed_cores()]
        .into_iter()
        .flatten()
        .fold(standard, usize::min)
        .max(1)
}

/// The files of a Linux system, below `root`. Every answer is `None` where a file is missing
/// or says something unexpected.
struct System {
    root: PathBuf,
}

impl System {
    fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let path = path.as_ref();
        fs::read_to_string(self.root.join(path.strip_prefix("/").unwrap_or(path))).ok()
    }

    /// Whole processors that the cgroup and those around it may use together, at least 1.
    fn quota(&self) -> Option<usize> {
        let mounts = self.read("/proc/self/mountinfo")?;
        let groups = self.read("/proc/self/cgroup")?;
        groups
            .lines()
            .filter_map(|line| {
                // `id:controllers:path`; version 2 has id 0 and no controllers.
                let mut fields = line.splitn(3, ':');
                let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
                if id == "0" && controllers.is_empty() {
                    self.quota_along(
                        &mounts,
                        path,
                        "cgroup2",
                        |_| true,
                        |folder| self.quota_v2(folder),
                    )
                } else if controllers.split(',').any(|name| name == "cpu") {
                    let has_cpu = |options: &str| options.split(',').any(|name| name == "cpu");
                    self.quota_along(&mounts, path, "cgroup", has_cpu, |folder| {
                        self.quota_v1(folder)
                    })
                } else {
                    None
                }
            })
            .min()
    }

    /// The smallest quota on the way from the group `path` up to where its hierarchy is
    /// mounted.
    fn quota_along(
        &self,
        mounts: &str,
        path: &str,
        file_system: &str,
        options_match: impl Fn(&str) -> bool,
        quota: impl Fn(&Path) -> Option<usize>,
    ) -> Option<usize> {
        let (mount_root, mount_point) = mounts.lines().find_map(|line| {
            // `id parent dev root point options [tags] - type source options`
            let (mount, kind) = line.split_once(" - ")?;
            let mut kind = kind.split(' ');
            let fits = kind.next()? == file_system && options_match(kind.nth(1)?);
            let mut mount = mount.split(' ').skip(3);
            fits.then_some((mount.next()?, PathBuf::from(mount.next()?)))
        })?;
        // Inside a container the mount often shows only the container's own group, while the
        // path is the host's; then the mount itself is the group.
        let below = Path::new(path).strip_prefix(mount_root).unwrap_or(Path::new(""));
        let mut smallest = None;
        for part in below.ancestors() {
            let found = quota(&mount_point.join(part));
            smallest = [smallest, found].into_iter().flatten().min();
        }
        smallest
    }

    fn quota_v2(&self, folder: &Path) -> Option<usize> {
        // `max 100000` or `150000 100000`: microseconds per period.
        let text = self.read(folder.join("cpu.max"))?;
        let mut fields = text.split_whitespace();
        whole_processors(fields.next()?, fields.next()?)
    }

    fn quota_v1(&self, folder: &Path) -> Option<usize> {
        let quota = self.read(folder.join("cpu.cfs_quota_us"))?;
        whole_processors(quota.trim(), self.read(folder.join("cpu.cfs_period_us"))?.trim())
    }

    /// Physical cores among the processors that this process may run on.
    fn num_allowed_cores(&self) -> Option<usize> {
        let status = self.read("/proc/self/status")?;
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let mut cores = BTreeSet::new();
        for processor in parse_list(allowed.trim())? {
            let siblings =
                format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
            // A core is named by its first processor, allowed or not.
            cores.insert(parse_list(self.read(siblings)?.trim())?.first().copied()?);
        }
        (!cores.is_empty()).then_some(cores.len())
    }
}

/// Rounded down: a thread beyond the quota would be stopped in the middle of each period,
/// and the others would wait for it.
fn whole_processors(quota: &str, period: &str) -> Option<usize> {
    let (quota, period) = (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?);
    (quota > 0 && period > 0).then(|| usize::try_from(quota / period).unwrap_or(usize::MAX).max(1))
}

/// `0-3,8` as `[0, 1, 2, 3, 8]`.
fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        // No machine has a million processors; a wild number must not fill the memory.
        if first > last || last > 1 << 20 {
            return None;
        }
        found.extend(first..=last);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A make-believe system with these files.
    fn system(name: &str, files: &[(&str, &str)]) -> System {
        let root =
            std::env::temp_dir().join(format!("kerros-limits-{name}-{}", std::process::id()));
        fs::remove_dir_all(&root).ok();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        System { root }
    }

    const V2_MOUNT: &str =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn version_2_takes_the_smallest_quota_on_the_way_up() {
        let system = system(
            "v2",
            &[
                ("proc/self/cgroup", "0::/user.slice/job\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("sys/fs/cgroup/user.slice/cpu.max", "350000 100000\n"),
                ("sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n"),
            ],
        );
        assert_eq!(system.quota(), Some(3));
    }

    #[test]
    fn version_2_inside_a_container_that_sees_the_path_of_its_host() {
        let system = system(
            "v2-container",
            &[
                ("proc/self/cgroup", "0::/docker/abc\n"),
                (
                    "proc/self/mountinfo",
                    "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                ),
                ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
            ],
        );
        assert_eq!(system.quota(), Some(1), "half a processor is still one thread");
    }

    #[test]
    fn version_1_with_its_controllers_mounted_together() {
        let mounts = "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      32 23 0:28 / /elsewhere/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
        let system = system(
            "v1",
            &[
                ("proc/self/cgroup", "5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n"),
                ("proc/self/mountinfo", mounts),
                ("elsewhere/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
                ("elsewhere/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
                ("elsewhere/cpu,cpuacct/job/cpu.cfs_quota_us", "200000\n"),
                ("elsewhere/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"),
            ],
        );
        assert_eq!(system.quota(), Some(2));
    }

    #[test]
    fn no_limit_and_no_files_are_no_quota() {
        let free = system(
            "free",
            &[
                ("proc/self/cgroup", "0::/\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ],
        );
        assert_eq!(free.quota(), None);
        assert_eq!(system("bare", &[]).quota(), None);
        assert_eq!(system("bare", &[]).num_allowed_cores(), None);
    }

    #[test]
    fn two_processors_of_one_core_count_once() {
        let siblings =
            |cpu: usize| format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        let system = system(
            "cores",
            &[
                ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-2,5\n"),
                (&siblings(0), "0,4\n"),
                (&siblings(1), "1,5\n"),
                (&siblings(2), "2,6\n"),
                (&siblings(5), "1,5\n"),
            ],
        );
        assert_eq!(system.num_allowed_cores(), Some(3));
    }

    #[test]
    fn lists_of_processors() {
        assert_eq!(parse_list("0-3,8"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse_list("7"), Some(vec![7]));
        assert_eq!(parse_list("3-1"), None);
        assert_eq!(parse_list(""), None);
        assert_eq!(parse_list("0-99999999999"), None);
    }

    #[test]
    fn this_machine_has_between_one_thread_and_its_processors() {
        let found = default_num_threads();
        let processors = thread::available_parallelism().unwrap().get();
        assert!((1..=processors).contains(&found), "{found} of {processors}");
    }
}
