/**
 * System calls that programs in a box may use. A list of what is allowed, so that what a future kernel adds is
 * refused until someone has looked at it. Left out on purpose: everything that makes namespaces or mounts,
 * looks into other processes, loads code into the kernel, sets clocks, or has been a usual way to attack the
 * kernel (io_uring, bpf, userfaultfd, keyrings, perf).
 */
export const ALLOWED_SYSCALLS: readonly string[] = `
  access faccessat faccessat2 chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat umask
  open openat openat2 creat close close_range dup dup2 dup3 fcntl flock fsync fdatasync sync syncfs sync_file_range
  read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 lseek sendfile splice tee copy_file_range
  readahead fadvise64 fallocate truncate ftruncate cachestat
  stat fstat lstat newfstatat statx statfs fstatfs getdents getdents64 getcwd chdir fchdir
  rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat readlink readlinkat
  mknod mknodat utime utimes futimesat utimensat
  setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
  removexattr lremovexattr fremovexattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch

  poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
  pipe pipe2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime
  connect accept accept4 bind listen shutdown getsockname getpeername setsockopt getsockopt
  sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg

  brk mmap mprotect munmap mremap msync mincore madvise mlock mlock2 munlock mlockall munlockall
  pkey_mprotect pkey_alloc pkey_free memfd_create remap_file_pages map_shadow_stack mseal
  shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl
  mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr

  fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal
  rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
  rt_sigsuspend sigaltstack pause restart_syscall
  futex futex_waitv futex_wake futex_wait futex_requeue set_robust_list get_robust_list rseq membarrier
  set_tid_address arch_prctl set_thread_area get_thread_area prctl seccomp
  landlock_create_ruleset landlock_add_rule landlock_restrict_self

  getpid getppid gettid getpgid getpgrp setpgid getsid setsid getuid geteuid getgid getegid getgroups
  setuid setgid setreuid setregid setresuid getresuid setresgid getresgid setfsuid setfsgid setgroups capget capset
  getrlimit setrlimit prlimit64 getrusage times sysinfo uname getcpu getrandom ioprio_get getpriority setpriority
  sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max
  sched_get_priority_min sched_rr_get_interval sched_setaffinity sched_getaffinity sched_setattr sched_getattr

  time gettimeofday clock_gettime clock_getres nanosleep clock_nanosleep alarm getitimer setitimer
  timer_create timer_settime timer_gettime timer_getoverrun timer_delete
`
  .trim()
  .split(/\s+/);
