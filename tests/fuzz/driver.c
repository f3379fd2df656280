/* Runs a fuzz target without a fuzzer: replay_<target> FILE|DIRECTORY… feeds it every file, then for a few seconds
 * changed copies of them. The changes depend only on the bytes, so a run can be repeated. Prints TAP with one result;
 * when the target crashes, the last line says on what. FUZZ_SECONDS sets how long (default 2). */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

enum { MAX_INPUTS = 4096, MAX_INPUT_BYTES = 1 << 20, MAX_CHANGES = 8 };

struct input {
	char *name;
	uint8_t *bytes;
	size_t size;
};

static struct input inputs[MAX_INPUTS];
static size_t input_count;
static char running[512]; /* what the target works on: for the last words */

static void last_words(void)
{
	ssize_t put = write(STDOUT_FILENO, running, strlen(running));
	(void)put;
}

static void on_signal(int number)
{
	last_words();
	signal(number, SIG_DFL);
	raise(number);
}

static void run(const uint8_t *bytes, size_t size, const char *name, unsigned long mutation)
{
	snprintf(running, sizeof running, "\n# crashed on %s, mutation %lu (0: the file itself)\n", name, mutation);
	uint8_t *copy = malloc(size == 0 ? 1 : size); /* exactly as large, so that reading behind it is found */
	if (copy == NULL)
		abort();
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void add_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	if (file == NULL || input_count == MAX_INPUTS) {
		printf("# left out: %s\n", name);
		if (file != NULL)
			fclose(file);
		return;
	}
	struct input *input = &inputs[input_count++];
	input->bytes = malloc(MAX_INPUT_BYTES);
	input->name = strdup(name);
	if (input->bytes == NULL || input->name == NULL)
		abort();
	input->size = fread(input->bytes, 1, MAX_INPUT_BYTES, file);
	fclose(file);
}

static void add_path(const char *path)
{
	struct dirent **entries;
	struct stat info;
	if (stat(path, &info) != 0)
		return;
	if (!S_ISDIR(info.st_mode)) {
		add_file(path);
		return;
	}
	int count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char name[4096];
		snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			add_file(name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Flip, replace, cut, repeat, or take a piece of another input. `bytes` has room for MAX_INPUT_BYTES. */
static size_t change(uint8_t *bytes, size_t size, uint64_t *random)
{
	static const char interesting[] = "\0\n\t :-?[]{},&*#!|>'\"%@`\\~<=0\x7f\x80\xff\xc3\xef";
	size_t at = size == 0 ? 0 : next_random(random) % size;
	size_t some = 1 + next_random(random) % 32;
	const struct input *other = &inputs[next_random(random) % input_count];
	if (size == 0)
		return size;
	switch (next_random(random) % 5) {
	case 0: bytes[at] ^= (uint8_t)(1u << next_random(random) % 8); return size;
	case 1: bytes[at] = (uint8_t)interesting[next_random(random) % (sizeof interesting - 1)]; return size;
	case 2:
		some = some > size - at ? size - at : some;
		memmove(bytes + at, bytes + at + some, size - at - some);
		return size - some;
	case 3:
		some = some > size - at ? size - at : some;
		if (size + some > MAX_INPUT_BYTES)
			return size;
		memmove(bytes + at + some, bytes + at, size - at);
		return size + some;
	default:
		some = some > other->size ? other->size : some;
		some = some > size - at ? size - at : some;
		memcpy(bytes + at, other->bytes + (other->size - some) / 2, some);
		return size;
	}
}

static unsigned long mutate_for(long seconds)
{
	uint8_t *bytes = malloc(MAX_INPUT_BYTES);
	time_t end = time(NULL) + seconds;
	unsigned long done = 0;
	if (bytes == NULL)
		abort();
	while (input_count > 0 && time(NULL) < end) {
		const struct input *input = &inputs[done % input_count];
		uint64_t random = 0x9e3779b97f4a7c15u * (done + 1) ^ input->size;
		memcpy(bytes, input->bytes, input->size);
		size_t size = input->size;
		for (uint64_t i = next_random(&random) % MAX_CHANGES + 1; i > 0; i--)
			size = change(bytes, size, &random);
		run(bytes, size, input->name, ++done);
	}
	free(bytes);
	return done;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("FUZZ_SECONDS");
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(last_words);
	signal(SIGABRT, on_signal);
	if (__sanitizer_set_death_callback == NULL)
		signal(SIGSEGV, on_signal);
	puts("1..1");
	fflush(stdout);
	for (int i = 1; i < argc; i++)
		add_path(argv[i]);
	run((const uint8_t *)"", 0, "nothing", 0);
	for (size_t i = 0; i < input_count; i++)
		run(inputs[i].bytes, inputs[i].size, inputs[i].name, 0);
	unsigned long changed = mutate_for(seconds == NULL ? 2 : atol(seconds));
	printf("ok 1 - %zu files, %lu changed copies\n", input_count, changed);
	for (size_t i = 0; i < input_count; i++) {
		free(inputs[i].name);
		free(inputs[i].bytes);
	}
	return 0;
}
