/* The floor of hearing what is read: the least a C program does for it.
 *
 * It watches the directories it is given, one a line, with the mask of its first argument; says "ready"; takes every
 * event apart as far as the name, and rests after each read for the microseconds of its second argument, if any. It
 * says on SIGTERM how many files were read, and how often the queue overflowed, then a line for each file probe_N that
 * was written: N, and the CLOCK_MONOTONIC nanoseconds at which it heard so.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define PROBES 100000

static volatile sig_atomic_t stopped;

static long long heard[PROBES];

static void note(const char *name)
{
    unsigned number;
    struct timespec now;
    if (sscanf(name, "probe_%u", &number) == 1 && number < PROBES) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        heard[number] = now.tv_sec * 1000000000LL + now.tv_nsec;
    }
}

static void stop(int number) { (void)number; stopped = 1; }

int main(int count, char **words)
{
    static char line[8192];
    static char buffer[65536] __attribute__((aligned(__alignof__(struct inotify_event))));
    unsigned long reads = 0, overflows = 0;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL); /* without SA_RESTART: it ends the read */
    int queue = inotify_init1(IN_CLOEXEC);
    if (queue < 0 || count < 2) return 1;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (inotify_add_watch(queue, line, (unsigned)strtoul(words[1], NULL, 10)) < 0) return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!stopped) {
        ssize_t length = read(queue, buffer, sizeof buffer);
        if (count > 2) usleep((unsigned)atoi(words[2]));
        for (char *at = buffer; at < buffer + length;) {
            struct inotify_event *event = (struct inotify_event *)at;
            at += sizeof *event + event->len;
            overflows += (event->mask & IN_Q_OVERFLOW) != 0;
            if (event->len && !(event->mask & IN_ISDIR)) {
                reads += (event->mask & IN_CLOSE_NOWRITE) != 0;
                if (event->mask & IN_CLOSE_WRITE) note(event->name);
            }
        }
    }
    signal(SIGTERM, SIG_IGN); /* it may be told twice */
    printf("%lu %lu\n", reads, overflows);
    for (int number = 0; number < PROBES; number++)
        if (heard[number]) printf("%d %lld\n", number, heard[number]);
    return 0;
}
