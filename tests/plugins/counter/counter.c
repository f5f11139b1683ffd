/*
 * A plugin in C: a source that counts and a sink that writes lines. An example of naru_plugin.h, and what the worker's tests
 * load as a library that has no Rust in it.
 *
 *     cc -shared -fPIC -O2 -std=c11 -Wall -Wextra -Werror -I connector-api/include -o libcounter.so counter.c
 *
 * example.CounterSource writes {"n":0}, {"n":1} and so on into `topic`, with the number as the key, until `count` are
 * written; `every` sets the milliseconds from one to the next. Its position is {"next":5}.
 *
 * example.CounterSink appends key, tab, value, tab, offset to `file`, `-` for what is null. It rejects values that begin with
 * `bad`, and keys and values with a tab or a line break in them.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "naru_codec.h"

#ifndef COUNTER_VERSION
#define COUNTER_VERSION "1.0.0"
#endif

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* --- small things ---------------------------------------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static naru_slice trimmed(naru_slice text) {
    while (text.length > 0 && text.data[0] <= ' ') {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && text.data[text.length - 1] <= ' ') {
        text.length--;
    }
    return text;
}

/* Reads a whole number from 0 to `most`; false if the text is none. */
static bool whole_number(naru_slice text, uint64_t most, uint64_t *number) {
    *number = 0;
    for (size_t place = 0; place < text.length; place++) {
        uint8_t letter = text.data[place];
        if (letter < '0' || letter > '9' || *number > (most - (uint64_t)(letter - '0')) / 10) {
            return false;
        }
        *number = *number * 10 + (uint64_t)(letter - '0');
    }
    return text.length > 0;
}

/* A copy that ends with a zero byte; NULL without memory, or if there is such a byte in it. */
static char *copy_of(naru_slice text) {
    char *copy = text.length > 0 && memchr(text.data, 0, text.length) != NULL ? NULL : malloc(text.length + 1);
    if (copy != NULL) {
        if (text.length > 0) {
            memcpy(copy, text.data, text.length);
        }
        copy[text.length] = 0;
    }
    return copy;
}

/* What is wrong with a configuration: a key and a sentence. No key: nothing is wrong. */
typedef struct problem {
    const char *key;
    const char *message;
} problem;

static uint32_t reply_problem(naru_buffer *reply, problem wrong) {
    return naru_reply_error(reply, NARU_BAD_CONFIG, wrong.key, wrong.message);
}

static uint32_t reply_empty(naru_buffer *reply) {
    naru_writer to = {0};
    return naru_reply(&to, NARU_OK, reply);
}

static uint32_t reply_errno(naru_buffer *reply, uint8_t decision, const char *what) {
    char message[256];
    snprintf(message, sizeof(message), "%s: %s", what, strerror(errno));
    return naru_reply_error(reply, decision, NULL, message);
}

static uint32_t reply_malformed(naru_buffer *reply) {
    return naru_reply_broken(reply, "the request is malformed");
}

/* The answer to a call that this connector does not have. */
static uint32_t reply_unknown(naru_buffer *reply) {
    return naru_reply_broken(reply, "the plugin does not know this call");
}

/* --- an alarm: wakes a call that is pending at a time ----------------------------------------------------------------- */

typedef struct alarm_clock {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    /* There is a thread. The rest is guarded by the lock while there is. */
    bool runs;
    bool ends;
    int64_t at_ms;
    naru_waker waker;
} alarm_clock;

static void alarm_make(alarm_clock *alarm) {
    pthread_condattr_t monotonic;
    memset(alarm, 0, sizeof(*alarm));
    pthread_mutex_init(&alarm->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&alarm->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void *alarm_wait(void *context) {
    alarm_clock *alarm = context;
    pthread_mutex_lock(&alarm->lock);
    while (!alarm->ends) {
        if (now_ms() >= alarm->at_ms) {
            alarm->waker.wake(alarm->waker.context);
            alarm->at_ms = INT64_MAX;
        }
        if (alarm->at_ms == INT64_MAX) {
            pthread_cond_wait(&alarm->changed, &alarm->lock);
        } else {
            struct timespec until = {alarm->at_ms / 1000, alarm->at_ms % 1000 * 1000000};
            pthread_cond_timedwait(&alarm->changed, &alarm->lock, &until);
        }
    }
    pthread_mutex_unlock(&alarm->lock);
    return NULL;
}

/* Wakes that waker at that time, instead of what was set before. False if there is no thread to be had. */
static bool alarm_set(alarm_clock *alarm, int64_t at_ms, const naru_waker *waker) {
    naru_waker kept = *waker, before;
    kept.context = waker->clone(waker->context);
    pthread_mutex_lock(&alarm->lock);
    before = alarm->waker;
    alarm->waker = kept;
    alarm->at_ms = at_ms;
    pthread_cond_signal(&alarm->changed);
    pthread_mutex_unlock(&alarm->lock);
    if (before.release != NULL) {
        before.release(before.context);
    }
    if (!alarm->runs) {
        alarm->ends = false;
        alarm->runs = pthread_create(&alarm->thread, NULL, alarm_wait, alarm) == 0;
    }
    return alarm->runs;
}

/* Wakes nobody any more. */
static void alarm_off(alarm_clock *alarm) {
    pthread_mutex_lock(&alarm->lock);
    alarm->ends = true;
    pthread_cond_signal(&alarm->changed);
    pthread_mutex_unlock(&alarm->lock);
    if (alarm->runs) {
        pthread_join(alarm->thread, NULL);
        alarm->runs = false;
    }
    if (alarm->waker.release != NULL) {
        alarm->waker.release(alarm->waker.context);
        memset(&alarm->waker, 0, sizeof(alarm->waker));
    }
}

static void alarm_free(alarm_clock *alarm) {
    alarm_off(alarm);
    pthread_cond_destroy(&alarm->changed);
    pthread_mutex_destroy(&alarm->lock);
}

/* --- the source ------------------------------------------------------------------------------------------------------ */

static const char SOURCE_DEFINITION[] =
    "{\"kind\": \"source\", \"class\": \"example.CounterSource\", \"version\": \"" COUNTER_VERSION "\","
    " \"doc\": \"Counts into a topic.\", \"keys\": ["
    "{\"name\": \"topic\", \"type\": \"STRING\", \"required\": true, \"non_empty\": true,"
    " \"doc\": \"The topic that is counted into.\"},"
    "{\"name\": \"count\", \"type\": \"LONG\", \"required\": true, \"at_least\": 0,"
    " \"doc\": \"How many records there are, at most 2^53.\"},"
    "{\"name\": \"every\", \"type\": \"LONG\", \"default\": \"0\", \"at_least\": 0,"
    " \"doc\": \"Milliseconds from one record to the next.\"}]}";

/* There is one stream, whatever it is named. The worker writes JSON without spaces. */
static const char PARTITION[] = "{\"counter\":\"n\"}";

typedef struct source_state {
    char *topic;
    uint64_t count;
    uint64_t every_ms;
    /* The next number, and when it is due. */
    uint64_t next;
    int64_t due_ms;
    /* The poll that is going on. */
    naru_limits limits;
    int64_t deadline_ms;
    alarm_clock alarm;
} source_state;

typedef struct source_settings {
    naru_slice topic;
    uint64_t count;
    uint64_t every_ms;
} source_settings;

/* Reads the settings, and makes the checks that the definition cannot say. */
static problem source_read(naru_list config, source_settings *settings) {
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    problem none = {NULL, NULL};
    naru_slice count, every;
    naru_config_find(config, "topic", &settings->topic);
    settings->topic = trimmed(settings->topic);
    for (size_t place = 0; place < settings->topic.length; place++) {
        if (settings->topic.data[place] == 0 || strchr(allowed, settings->topic.data[place]) == NULL) {
            problem wrong = {"topic", "`topic` may hold letters, digits, dots, underscores and hyphens only."};
            return wrong;
        }
    }
    if (settings->topic.length == 0 || settings->topic.length > 249) {
        problem wrong = {"topic", "`topic` must have from 1 to 249 letters."};
        return wrong;
    }
    naru_config_find(config, "count", &count);
    if (!whole_number(trimmed(count), UINT64_C(1) << 53, &settings->count)) {
        /* Many readers of JSON have no larger whole numbers. */
        problem wrong = {"count", "`count` must be a whole number from 0 to 9007199254740992."};
        return wrong;
    }
    settings->every_ms = 0;
    if (naru_config_find(config, "every", &every) && !whole_number(trimmed(every), INT32_MAX, &settings->every_ms)) {
        problem wrong = {"every", "`every` must be a whole number of milliseconds, at most 2147483647."};
        return wrong;
    }
    return none;
}

/* Reads a position: {"next":5}. */
static bool source_position(naru_position position, uint64_t *next) {
    static const char before[] = "{\"next\":";
    size_t length = sizeof(before) - 1;
    naru_slice offset = position.offset;
    if (!naru_slice_begins(offset, before) || offset.data[offset.length - 1] != '}' || offset.length < length + 2) {
        return false;
    }
    naru_slice number = {offset.data + length, offset.length - length - 1};
    return whole_number(number, UINT64_C(1) << 53, next);
}

static uint32_t source_start(source_state *source, naru_reader *request, naru_buffer *reply) {
    source_settings settings;
    naru_position position;
    naru_start start = naru_read_start(request);
    if (!naru_read_whole(request)) {
        return reply_malformed(reply);
    }
    problem wrong = source_read(start.config, &settings);
    if (wrong.key != NULL) {
        return reply_problem(reply, wrong);
    }
    while (naru_positions_next(&start.positions, &position)) {
        if (position.has_offset && !source_position(position, &source->next)) {
            return naru_reply_error(reply, NARU_FATAL, NULL, "the stored position is not {\"next\":number}");
        }
    }
    free(source->topic);
    source->topic = copy_of(settings.topic);
    if (source->topic == NULL) {
        return naru_reply_error(reply, NARU_FAIL, NULL, "out of memory");
    }
    source->count = settings.count;
    source->every_ms = settings.every_ms;
    return reply_empty(reply);
}

static void source_record(const source_state *source, naru_writer *to, naru_batch_writer *batch) {
    char key[32], value[40];
    naru_record record = naru_record_of_source();
    snprintf(key, sizeof(key), "%llu", (unsigned long long)source->next);
    snprintf(value, sizeof(value), "{\"n\":%s}", key);
    record.key.form = NARU_JSON;
    record.key.bytes = naru_slice_of(key);
    record.value.form = NARU_JSON;
    record.value.bytes = naru_slice_of(value);
    naru_batch_record(to, batch, &record);
}

/* As many records as are due and the limits allow; one at least. */
static uint32_t source_batch(source_state *source, int64_t now, naru_buffer *reply) {
    char offset[40];
    naru_writer records = {0}, to = {0};
    naru_slice topic = naru_slice_of(source->topic);
    naru_batch_writer batch = naru_batch_begin(&records);
    uint64_t first = source->next;
    do {
        source_record(source, &records, &batch);
        source->next++;
    } while (source->every_ms == 0 && source->next < source->count && batch.records < source->limits.records
             && naru_batch_length(&records, &batch) < source->limits.bytes && !records.failed);
    source->due_ms = now + (int64_t)source->every_ms;
    naru_batch_end(&records, &batch, &topic, 1);

    /* The position is known only now, and stands before the batch. */
    snprintf(offset, sizeof(offset), "{\"next\":%llu}", (unsigned long long)source->next);
    naru_position position = {naru_slice_of(PARTITION), true, naru_slice_of(offset)};
    naru_write_polled(&to, source->next, &position, 1);
    naru_slice written = {records.data, records.length};
    naru_write_slice(&to, written);
    to.failed = to.failed || records.failed;
    naru_writer_free(&records);
    if (to.failed) {
        /* The worker polls again, and gets the same numbers. */
        source->next = first;
    }
    return naru_reply(&to, NARU_OK, reply);
}

static uint32_t source_go_on(source_state *source, const naru_waker *waker, naru_buffer *reply) {
    int64_t now = now_ms();
    bool counts = source->next < source->count;
    if (counts && now >= source->due_ms) {
        alarm_off(&source->alarm);
        return source_batch(source, now, reply);
    }
    int64_t until = counts && source->due_ms < source->deadline_ms ? source->due_ms : source->deadline_ms;
    if (now < until && alarm_set(&source->alarm, until, waker)) {
        return NARU_PENDING;
    }
    naru_writer to = {0};
    alarm_off(&source->alarm);
    naru_write_nothing(&to);
    return naru_reply(&to, NARU_OK, reply);
}

static uint32_t source_poll(source_state *source, naru_reader *request, const naru_waker *waker, naru_buffer *reply) {
    source->limits = naru_read_limits(request);
    if (!naru_read_whole(request)) {
        return reply_malformed(reply);
    }
    if (source->topic == NULL) {
        return naru_reply_error(reply, NARU_FAIL, NULL, "the task has not started");
    }
    uint64_t wait = source->limits.wait_ms < 60000 ? source->limits.wait_ms : 60000;
    source->deadline_ms = now_ms() + (int64_t)wait;
    return source_go_on(source, waker, reply);
}

static uint32_t source_check_positions(naru_reader *request, naru_buffer *reply) {
    naru_position position;
    uint64_t next;
    naru_read_config(request);
    naru_list positions = naru_read_positions(request);
    if (!naru_read_whole(request)) {
        return reply_malformed(reply);
    }
    while (naru_positions_next(&positions, &position)) {
        if (!naru_slice_is(position.partition, PARTITION)) {
            return naru_reply_error(reply, NARU_FATAL, NULL, "the partition must be {\"counter\":\"n\"}");
        }
        if (position.has_offset && !source_position(position, &next)) {
            return naru_reply_error(reply, NARU_FATAL, NULL, "the offset must be {\"next\":number}");
        }
    }
    return reply_empty(reply);
}

/* --- the sink -------------------------------------------------------------------------------------------------------- */

static const char SINK_DEFINITION[] =
    "{\"kind\": \"sink\", \"class\": \"example.CounterSink\", \"version\": \"" COUNTER_VERSION "\","
    " \"doc\": \"Appends a line for each record to a file.\", \"keys\": ["
    "{\"name\": \"file\", \"type\": \"STRING\", \"required\": true, \"non_empty\": true,"
    " \"doc\": \"The file, by its whole path.\"}]}";

typedef struct sink_state {
    /* -1: not open. */
    int file;
    /* Bytes of the file that are whole lines. */
    off_t length;
} sink_state;

static problem sink_read(naru_list config, naru_slice *file) {
    problem none = {NULL, NULL};
    naru_config_find(config, "file", file);
    *file = trimmed(*file);
    if (!naru_slice_begins(*file, "/") || memchr(file->data, 0, file->length) != NULL) {
        problem wrong = {"file", "`file` must be a whole path, which begins with `/`."};
        return wrong;
    }
    return none;
}

/* Cuts off a last line without an end, which a worker that was killed may have left: it was never flushed. */
static bool sink_cut(sink_state *sink) {
    char last;
    sink->length = lseek(sink->file, 0, SEEK_END);
    if (sink->length < 0) {
        return false;
    }
    off_t whole = sink->length;
    while (whole > 0) {
        if (pread(sink->file, &last, 1, whole - 1) != 1) {
            return false;
        }
        if (last == '\n') {
            break;
        }
        whole--;
    }
    if (whole < sink->length && ftruncate(sink->file, whole) != 0) {
        return false;
    }
    sink->length = whole;
    return true;
}

static uint32_t sink_start(sink_state *sink, naru_reader *request, naru_buffer *reply) {
    naru_slice file;
    naru_start start = naru_read_start(request);
    if (!naru_read_whole(request)) {
        return reply_malformed(reply);
    }
    problem wrong = sink_read(start.config, &file);
    if (wrong.key != NULL) {
        return reply_problem(reply, wrong);
    }
    char *path = copy_of(file);
    if (path == NULL) {
        return naru_reply_error(reply, NARU_FAIL, NULL, "out of memory");
    }
    sink->file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    free(path);
    if (sink->file < 0) {
        return reply_errno(reply, NARU_FAIL, "the file cannot be opened");
    }
    if (!sink_cut(sink)) {
        return reply_errno(reply, NARU_FAIL, "the file cannot be read");
    }
    return reply_empty(reply);
}

/* Why a record cannot be a line; NULL if it can. */
static const char *sink_refuses(const naru_record *record) {
    const naru_payload *parts[2] = {&record->key, &record->value};
    if (naru_slice_begins(record->value.bytes, "bad")) {
        return "the value begins with `bad`";
    }
    for (size_t part = 0; part < 2; part++) {
        naru_slice bytes = parts[part]->bytes;
        if (bytes.length > 0
            && (memchr(bytes.data, '\n', bytes.length) != NULL || memchr(bytes.data, '\t', bytes.length) != NULL)) {
            return "the key or the value holds a tab or a line break";
        }
    }
    return NULL;
}

static void sink_line(naru_writer *lines, const naru_record *record) {
    char offset[32];
    naru_slice none = TEXT("-");
    snprintf(offset, sizeof(offset), "\t%lld\n", (long long)record->offset);
    naru_write_slice(lines, record->key.form == NARU_NULL ? none : record->key.bytes);
    naru_write_u8(lines, '\t');
    naru_write_slice(lines, record->value.form == NARU_NULL ? none : record->value.bytes);
    naru_write_slice(lines, naru_slice_of(offset));
}

/* Writes all of it or nothing. */
static bool sink_append(sink_state *sink, const naru_writer *lines) {
    size_t done = 0;
    while (done < lines->length) {
        ssize_t more = write(sink->file, lines->data + done, lines->length - done);
        if (more < 0 && errno != EINTR) {
            int why = errno;
            /* The records are put again, so what was written of them goes. */
            if (ftruncate(sink->file, sink->length) != 0) {
                why = EIO;
            }
            errno = why;
            return false;
        }
        done += more > 0 ? (size_t)more : 0;
    }
    sink->length += (off_t)done;
    return true;
}

static uint32_t sink_put(sink_state *sink, naru_slice request, naru_buffer *reply) {
    naru_writer lines = {0}, to = {0};
    naru_taken taken = naru_taken_begin(&to, false);
    naru_batch batch = naru_read_batch(request);
    naru_record record;
    uint32_t status = NARU_OK;
    for (uint32_t index = 0; naru_batch_next(&batch, &record); index++) {
        const char *why = sink_refuses(&record);
        if (why != NULL) {
            naru_taken_reject(&to, &taken, index, why);
        } else {
            sink_line(&lines, &record);
        }
    }
    naru_taken_end(&to, &taken);
    if (batch.records.from.failed) {
        status = reply_malformed(reply);
    } else if (lines.failed || to.failed) {
        status = naru_reply_error(reply, NARU_RETRY, NULL, "out of memory");
    } else if (!sink_append(sink, &lines)) {
        status = reply_errno(reply, NARU_RETRY, "the file cannot be written");
    } else {
        status = naru_reply(&to, NARU_OK, reply);
    }
    naru_writer_free(&lines);
    naru_writer_free(&to);
    return status;
}

static uint32_t sink_flush(sink_state *sink, naru_buffer *reply) {
    naru_writer to = {0};
    if (fsync(sink->file) != 0) {
        /* What was not written is lost to a second try: a new start reads it again. */
        return reply_errno(reply, NARU_FAIL, "the file cannot be made durable");
    }
    naru_write_everything(&to);
    return naru_reply(&to, NARU_OK, reply);
}

/* --- instances ------------------------------------------------------------------------------------------------------- */

enum { SOURCE, SINK };

struct naru_instance {
    uint32_t definition;
    uint32_t scope;
    naru_host host;
    source_state source;
    sink_state sink;
};

static void log_line(const naru_host *host, uint8_t level, const char *message) {
    naru_writer to = {0};
    naru_write_u8(&to, level);
    naru_write_text(&to, "counter");
    naru_write_text(&to, message);
    if (!to.failed) {
        naru_slice line = {to.data, to.length};
        host->tell(host->context, NARU_NEWS_LOG, line);
    }
    naru_writer_free(&to);
}

static void initialize(naru_host host, uint32_t log_level) {
    if (log_level >= 4) {
        log_line(&host, 4, "the counter is here");
    }
    host.release(host.context);
}

static naru_instance *open_instance(uint32_t definition, uint32_t scope, naru_host host) {
    naru_instance *instance = definition <= SINK ? calloc(1, sizeof(*instance)) : NULL;
    if (instance == NULL) {
        host.release(host.context);
        return NULL;
    }
    instance->definition = definition;
    instance->scope = scope;
    instance->host = host;
    instance->sink.file = -1;
    alarm_make(&instance->source.alarm);
    return instance;
}

static void close_instance(naru_instance *instance) {
    alarm_free(&instance->source.alarm);
    free(instance->source.topic);
    if (instance->sink.file >= 0) {
        close(instance->sink.file);
    }
    instance->host.release(instance->host.context);
    free(instance);
}

static uint32_t validate(const naru_instance *instance, naru_reader *request, naru_buffer *reply) {
    source_settings settings;
    naru_slice file;
    naru_writer to = {0};
    naru_list config = naru_read_config(request);
    if (!naru_read_whole(request)) {
        return reply_malformed(reply);
    }
    problem wrong = instance->definition == SOURCE ? source_read(config, &settings) : sink_read(config, &file);
    naru_write_u32(&to, wrong.key != NULL);
    if (wrong.key != NULL) {
        naru_write_issue(&to, true, wrong.key, wrong.message);
    }
    return naru_reply(&to, NARU_OK, reply);
}

/* One task does all the work: there is one count, and one file. */
static uint32_t split(naru_reader *request, naru_buffer *reply) {
    naru_writer to = {0};
    naru_list config = naru_read_config(request);
    naru_read_u32(request);
    if (!naru_read_whole(request)) {
        return reply_malformed(reply);
    }
    naru_write_u32(&to, 1);
    naru_write_config(&to, config);
    return naru_reply(&to, NARU_OK, reply);
}

static uint32_t connector_call(const naru_instance *instance, uint32_t call, naru_reader *request, naru_buffer *reply) {
    bool is_source = instance->definition == SOURCE;
    naru_writer to = {0};
    switch (call) {
    case NARU_CALL_VALIDATE:
        return validate(instance, request, reply);
    case NARU_CALL_SPLIT:
        return split(request, reply);
    case NARU_CALL_EXACTLY_ONCE:
        if (!is_source) {
            return reply_unknown(reply);
        }
        naru_write_flag(&to, true);
        return naru_reply(&to, NARU_OK, reply);
    case NARU_CALL_CHECK_POSITIONS:
        return is_source ? source_check_positions(request, reply) : reply_unknown(reply);
    case NARU_CALL_FORMATS:
        if (is_source) {
            return reply_unknown(reply);
        }
        naru_write_u8(&to, NARU_BYTES);
        naru_write_u8(&to, NARU_BYTES);
        return naru_reply(&to, NARU_OK, reply);
    default:
        return reply_unknown(reply);
    }
}

static uint32_t source_call(naru_instance *instance, uint32_t call, naru_reader *request, const naru_waker *waker,
                            naru_buffer *reply) {
    switch (call) {
    case NARU_CALL_START:
        log_line(&instance->host, 3, "the source starts");
        return source_start(&instance->source, request, reply);
    case NARU_CALL_POLL:
        return source_poll(&instance->source, request, waker, reply);
    case NARU_CALL_SETTLED:
    case NARU_CALL_STOP:
        return reply_empty(reply);
    default:
        return reply_unknown(reply);
    }
}

static uint32_t sink_call(naru_instance *instance, uint32_t call, naru_slice message, naru_reader *request,
                          naru_buffer *reply) {
    naru_writer to = {0};
    if (instance->sink.file < 0 && (call == NARU_CALL_PUT || call == NARU_CALL_FLUSH)) {
        return naru_reply_error(reply, NARU_FAIL, NULL, "the task has not started");
    }
    switch (call) {
    case NARU_CALL_START:
        log_line(&instance->host, 3, "the sink starts");
        return sink_start(&instance->sink, request, reply);
    case NARU_CALL_OPEN:
        /* All partitions are read from their committed offsets. */
        naru_write_u32(&to, 0);
        return naru_reply(&to, NARU_OK, reply);
    case NARU_CALL_PUT:
        return sink_put(&instance->sink, message, reply);
    case NARU_CALL_WRITTEN:
        /* Nothing is kept, so nothing ever becomes of it. */
        return NARU_PENDING;
    case NARU_CALL_FLUSH:
        return sink_flush(&instance->sink, reply);
    case NARU_CALL_CLOSE:
    case NARU_CALL_STOP:
        return reply_empty(reply);
    default:
        return reply_unknown(reply);
    }
}

static uint32_t call_instance(naru_instance *instance, uint32_t call, naru_buffer request, const naru_waker *waker,
                              naru_buffer *reply) {
    naru_slice message = {request.data, request.length};
    naru_reader from = naru_reader_of(message);
    uint32_t status;
    if (instance->scope == NARU_CONNECTOR) {
        status = connector_call(instance, call, &from, reply);
    } else if (instance->definition == SOURCE) {
        status = source_call(instance, call, &from, waker, reply);
    } else {
        status = sink_call(instance, call, message, &from, reply);
    }
    naru_buffer_release(request);
    return status;
}

static uint32_t resume(naru_instance *instance, const naru_waker *waker, naru_buffer *reply) {
    return instance->definition == SOURCE ? source_go_on(&instance->source, waker, reply) : NARU_PENDING;
}

static void cancel(naru_instance *instance) {
    alarm_off(&instance->source.alarm);
}

static void drive(naru_instance *instance, const naru_waker *waker) {
    /* Nothing goes on between calls. */
    (void)instance;
    (void)waker;
}

const naru_descriptor *naru_plugin(void) {
    static const naru_slice definitions[] = {TEXT(SOURCE_DEFINITION), TEXT(SINK_DEFINITION)};
    static const naru_descriptor descriptor = {
        .magic = NARU_MAGIC,
        .abi_major = NARU_ABI_MAJOR,
        .abi_minor = NARU_ABI_MINOR,
        .size = sizeof(naru_descriptor),
        .capabilities = NARU_CATCHES_PANICS,
        .package = TEXT("counter 1.0.0"),
        .built_with = TEXT("C"),
        .definitions = definitions,
        .definition_count = 2,
        .initialize = initialize,
        .open = open_instance,
        .call = call_instance,
        .resume = resume,
        .cancel = cancel,
        .drive = drive,
        .close = close_instance,
    };
    return &descriptor;
}
