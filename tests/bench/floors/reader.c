/* The floor of hearing what is read: the least a C program does for it.
 *
 * It watches the directories it is given, one a line, with the mask of its first argument; says "ready"; takes every
 * event apart as far as the name; and says on SIGTERM how many of files there were, and how often the queue overflowed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void stop(int number) { (void)number; stopped = 1; }

int main(int count, char **words)
{
    static char line[8192];
    static char buffer[65536] __attribute__((aligned(__alignof__(struct inotify_event))));
    unsigned long files = 0, letters = 0, overflows = 0;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL); /* without SA_RESTART: it ends the read */
    int queue = inotify_init1(IN_CLOEXEC);
    if (queue < 0 || count != 2) return 1;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (inotify_add_watch(queue, line, (unsigned)strtoul(words[1], NULL, 10)) < 0) return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!stopped) {
        ssize_t length = read(queue, buffer, sizeof buffer);
        for (char *at = buffer; at < buffer + length;) {
            struct inotify_event *event = (struct inotify_event *)at;
            at += sizeof *event + event->len;
            overflows += (event->mask & IN_Q_OVERFLOW) != 0;
            if (event->len && !(event->mask & IN_ISDIR)) {
                files++;
                letters += strlen(event->name);
            }
        }
    }
    printf("%lu %lu %lu\n", files, overflows, letters);
    return 0;
}
