// SPDX-License-Identifier: Apache-2.0
//
// In C, for posix_spawn knows nothing of what Linux tells a process whose parent is gone, and Swift may not fork.
#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/// What the forked process does, with nothing that may be locked by threads that it does not have. Returns on an error.
static void run(pid_t parent, const char *path, char *const *arguments, char *const *environment) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return;
  // It may have ended before that.
  if (getppid() != parent) _exit(128 + SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(path, arguments, environment);
}

int spawnBoundToThread(pid_t *pid, const char *path, char *const *arguments, char *const *environment) {
  // Tells why the program cannot be run, and closes when it runs.
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return errno;
  sigset_t all, before;
  sigfillset(&all);
  // A handler of this program must not run in the other.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t parent = getpid();
  pid_t child = fork();
  int error = child < 0 ? errno : 0;
  if (child == 0) {
    run(parent, path, arguments, environment);
    error = errno;
    (void)!write(report[1], &error, sizeof error);
    _exit(127);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(report[1]);
  if (child > 0) {
    ssize_t count;
    while ((count = read(report[0], &error, sizeof error)) < 0 && errno == EINTR) {}
    if (error != 0) waitpid(child, NULL, 0);
  }
  close(report[0]);
  *pid = child;
  return error;
}
