/*
 * Reads and writes the messages of naru_plugin.h. Everything is `static inline`: include it and link nothing.
 *
 * READING. A `naru_reader` goes through a message. What is read is checked against its end; after the first mistake the
 * reader has `failed`, gives only zeros and empty slices, and stays so: read everything, then look at `naru_read_whole`.
 * Slices that are read are parts of the message and live as long as it.
 *
 * WRITING. A `naru_writer` grows. If memory ends, it has `failed` and stays so; `naru_reply` then answers with an error that
 * makes the worker call again. Start with `naru_writer to = {0};` and end with `naru_reply` or `naru_writer_free`.
 */
#ifndef NARU_CODEC_H
#define NARU_CODEC_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "naru_plugin.h"

/* --- slices ---------------------------------------------------------------------------------------------------------- */

static inline naru_slice naru_slice_of(const char *text) {
    naru_slice slice = {(const uint8_t *)text, strlen(text)};
    return slice;
}

static inline bool naru_slice_is(naru_slice slice, const char *text) {
    size_t length = strlen(text);
    return slice.length == length && (length == 0 || memcmp(slice.data, text, length) == 0);
}

static inline bool naru_slice_begins(naru_slice slice, const char *text) {
    size_t length = strlen(text);
    return slice.length >= length && (length == 0 || memcmp(slice.data, text, length) == 0);
}

/* Gives a buffer back. */
static inline void naru_buffer_release(naru_buffer buffer) {
    if (buffer.release != NULL) {
        buffer.release(buffer.owner);
    }
}

/* --- reading --------------------------------------------------------------------------------------------------------- */

typedef struct naru_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
} naru_reader;

static inline naru_reader naru_reader_of(naru_slice message) {
    naru_reader from = {message.data, message.data == NULL ? 0 : message.length, false};
    return from;
}

static inline naru_reader naru_reader_of_buffer(const naru_buffer *buffer) {
    naru_slice message = {buffer->data, buffer->length};
    return naru_reader_of(message);
}

static inline void naru_read_fails(naru_reader *from) {
    from->failed = true;
    from->left = 0;
}

/* So many bytes, as a slice of the message. */
static inline naru_slice naru_read_slice(naru_reader *from, size_t length) {
    naru_slice slice = {NULL, 0};
    if (from->failed || length > from->left) {
        naru_read_fails(from);
        return slice;
    }
    if (length > 0) {
        slice.data = from->at;
        slice.length = length;
        from->at += length;
        from->left -= length;
    }
    return slice;
}

/* An unsigned number of 1 to 8 bytes. */
static inline uint64_t naru_read_number(naru_reader *from, size_t width) {
    naru_slice bytes = naru_read_slice(from, width);
    uint64_t number = 0;
    for (size_t place = 0; place < bytes.length; place++) {
        number |= (uint64_t)bytes.data[place] << (8 * place);
    }
    return number;
}

static inline uint8_t naru_read_u8(naru_reader *from) {
    return (uint8_t)naru_read_number(from, 1);
}

static inline uint32_t naru_read_u32(naru_reader *from) {
    return (uint32_t)naru_read_number(from, 4);
}

static inline int32_t naru_read_i32(naru_reader *from) {
    return (int32_t)naru_read_u32(from);
}

static inline uint64_t naru_read_u64(naru_reader *from) {
    return naru_read_number(from, 8);
}

static inline int64_t naru_read_i64(naru_reader *from) {
    return (int64_t)naru_read_u64(from);
}

static inline bool naru_read_flag(naru_reader *from) {
    uint8_t flag = naru_read_u8(from);
    if (flag > 1) {
        naru_read_fails(from);
    }
    return flag == 1;
}

/* How many items follow. Each takes a byte at least, so a count beyond what is left is a mistake. */
static inline uint32_t naru_read_count(naru_reader *from) {
    uint32_t count = naru_read_u32(from);
    if (count > from->left) {
        naru_read_fails(from);
        return 0;
    }
    return count;
}

/* A text, or bytes with their length before them. There is no zero byte behind it. */
static inline naru_slice naru_read_text(naru_reader *from) {
    return naru_read_slice(from, naru_read_u32(from));
}

/* Whether the message was right and nothing is left of it. */
static inline bool naru_read_whole(const naru_reader *from) {
    return !from->failed && from->left == 0;
}

/* Items that can be gone through again: a copy of this goes through them from the beginning. */
typedef struct naru_list {
    naru_reader from;
    uint32_t left;
} naru_list;

/* The list whose `count` items `from` has passed over since `start`. */
static inline naru_list naru_list_between(const naru_reader *start, const naru_reader *end, uint32_t count) {
    naru_list list = {*start, count};
    list.from.left = start->left - end->left;
    if (end->failed) {
        naru_read_fails(&list.from);
        list.left = 0;
    }
    return list;
}

static inline naru_list naru_read_config(naru_reader *from) {
    uint32_t count = naru_read_count(from);
    naru_reader start = *from;
    for (uint32_t item = 0; item < count && !from->failed; item++) {
        naru_read_text(from);
        naru_read_text(from);
    }
    return naru_list_between(&start, from, count);
}

/* The next entry of a configuration; false after the last. */
static inline bool naru_config_next(naru_list *config, naru_slice *key, naru_slice *value) {
    if (config->left == 0) {
        return false;
    }
    config->left--;
    *key = naru_read_text(&config->from);
    *value = naru_read_text(&config->from);
    return !config->from.failed;
}

/* Whether users have set that key, and its value. */
static inline bool naru_config_find(naru_list config, const char *name, naru_slice *value) {
    naru_slice key;
    while (naru_config_next(&config, &key, value)) {
        if (naru_slice_is(key, name)) {
            return true;
        }
    }
    value->data = NULL;
    value->length = 0;
    return false;
}

/* How far a source has got in one of its streams: two JSON objects. */
typedef struct naru_position {
    naru_slice partition;
    bool has_offset;
    naru_slice offset;
} naru_position;

static inline naru_position naru_read_position(naru_reader *from) {
    naru_position position = {naru_read_text(from), false, {NULL, 0}};
    position.has_offset = naru_read_flag(from);
    if (position.has_offset) {
        position.offset = naru_read_text(from);
    }
    return position;
}

static inline naru_list naru_read_positions(naru_reader *from) {
    uint32_t count = naru_read_count(from);
    naru_reader start = *from;
    for (uint32_t item = 0; item < count && !from->failed; item++) {
        naru_read_position(from);
    }
    return naru_list_between(&start, from, count);
}

/* The next position; false after the last. */
static inline bool naru_positions_next(naru_list *positions, naru_position *position) {
    if (positions->left == 0) {
        return false;
    }
    positions->left--;
    *position = naru_read_position(&positions->from);
    return !positions->from.failed;
}

/* A partition of a topic in the log, and an offset where one belongs to it. */
typedef struct naru_partition {
    naru_slice topic;
    int32_t number;
    int64_t offset;
} naru_partition;

static inline naru_partition naru_read_partition(naru_reader *from) {
    naru_partition partition = {{NULL, 0}, 0, 0};
    partition.topic = naru_read_text(from);
    partition.number = naru_read_i32(from);
    return partition;
}

/* The partitions of NARU_CALL_OPEN and NARU_CALL_CLOSE. */
static inline naru_list naru_read_partitions(naru_reader *from) {
    uint32_t count = naru_read_count(from);
    naru_reader start = *from;
    for (uint32_t item = 0; item < count && !from->failed; item++) {
        naru_read_partition(from);
    }
    return naru_list_between(&start, from, count);
}

/* The next partition; false after the last. */
static inline bool naru_partitions_next(naru_list *partitions, naru_partition *partition) {
    if (partitions->left == 0) {
        return false;
    }
    partitions->left--;
    *partition = naru_read_partition(&partitions->from);
    return !partitions->from.failed;
}

/* The request of NARU_CALL_START. */
typedef struct naru_start {
    naru_slice connector;
    uint32_t task;
    naru_list config;
    naru_list positions;
} naru_start;

static inline naru_start naru_read_start(naru_reader *from) {
    naru_start start;
    start.connector = naru_read_text(from);
    start.task = naru_read_u32(from);
    start.config = naru_read_config(from);
    start.positions = naru_read_positions(from);
    return start;
}

/* The request of NARU_CALL_POLL. */
typedef struct naru_limits {
    uint32_t records;
    uint64_t bytes;
    uint64_t wait_ms;
} naru_limits;

static inline naru_limits naru_read_limits(naru_reader *from) {
    naru_limits limits;
    limits.records = naru_read_u32(from);
    limits.bytes = naru_read_u64(from);
    limits.wait_ms = naru_read_u64(from);
    return limits;
}

/* A key, a value or a header's value: NARU_NULL, NARU_BYTES, NARU_JSON or NARU_VALUE, and its bytes. */
typedef struct naru_payload {
    uint8_t form;
    naru_slice bytes;
} naru_payload;

/* A record of a batch. Topics are numbers of the batch's table. */
typedef struct naru_record {
    uint32_t topic;
    uint32_t origin;
    int32_t partition;
    int64_t offset;
    int64_t timestamp;
    bool log_append_time;
    naru_payload key;
    naru_payload value;
    naru_list headers;
} naru_record;

/* The request of NARU_CALL_PUT. */
typedef struct naru_batch {
    naru_list records;
    naru_list topics;
} naru_batch;

static inline naru_batch naru_read_batch(naru_slice message) {
    naru_batch batch;
    naru_reader from = naru_reader_of(message), tables = from;
    uint32_t count = naru_read_u32(&from);
    naru_read_slice(&tables, naru_read_u32(&from));
    uint32_t topics = naru_read_count(&tables);
    if (from.failed || tables.failed || count > from.left / NARU_RECORD_HEADER) {
        naru_read_fails(&from);
        naru_read_fails(&tables);
        count = topics = 0;
    }
    batch.records.from = from;
    batch.records.left = count;
    batch.topics.from = tables;
    batch.topics.left = topics;
    return batch;
}

static inline void naru_read_header(naru_reader *from, naru_slice *name, naru_payload *value) {
    *name = naru_read_text(from);
    value->form = naru_read_u8(from);
    value->bytes = naru_read_text(from);
}

/* The next record; false after the last, and where the batch is malformed: `batch->records.from.failed` says which. */
static inline bool naru_batch_next(naru_batch *batch, naru_record *record) {
    naru_reader *from = &batch->records.from;
    if (batch->records.left == 0) {
        return false;
    }
    batch->records.left--;
    record->topic = naru_read_u32(from);
    record->partition = naru_read_i32(from);
    record->offset = naru_read_i64(from);
    record->timestamp = naru_read_i64(from);
    uint32_t key_length = naru_read_u32(from);
    uint32_t value_length = naru_read_u32(from);
    record->key.form = naru_read_u8(from);
    record->value.form = naru_read_u8(from);
    record->log_append_time = naru_read_u8(from) == 1;
    naru_read_u8(from);
    uint32_t headers = naru_read_u32(from);
    record->origin = naru_read_u32(from);
    naru_read_u32(from);
    record->key.bytes = naru_read_slice(from, key_length);
    record->value.bytes = naru_read_slice(from, value_length);
    naru_reader start = *from;
    for (uint32_t item = 0; item < headers && !from->failed; item++) {
        naru_slice name;
        naru_payload value;
        naru_read_header(from, &name, &value);
    }
    record->headers = naru_list_between(&start, from, headers);
    return !from->failed;
}

/* The next header of a record; false after the last. */
static inline bool naru_headers_next(naru_list *headers, naru_slice *name, naru_payload *value) {
    if (headers->left == 0) {
        return false;
    }
    headers->left--;
    naru_read_header(&headers->from, name, value);
    return !headers->from.failed;
}

/* The topic of that number; false if there is none. It goes through the table: keep it for the next record. */
static inline bool naru_batch_topic(const naru_batch *batch, uint32_t number, naru_slice *topic) {
    naru_list topics = batch->topics;
    if (number >= topics.left) {
        return false;
    }
    for (uint32_t item = 0; item <= number && !topics.from.failed; item++) {
        *topic = naru_read_text(&topics.from);
    }
    return !topics.from.failed;
}

/* --- writing --------------------------------------------------------------------------------------------------------- */

typedef struct naru_writer {
    uint8_t *data;
    size_t length;
    size_t room;
    bool failed;
} naru_writer;

static inline void naru_writer_free(naru_writer *to) {
    free(to->data);
    memset(to, 0, sizeof(*to));
}

static inline bool naru_writer_grow(naru_writer *to, size_t more) {
    if (to->failed || more > UINT32_MAX || to->length > UINT32_MAX - more) {
        to->failed = true;
        return false;
    }
    if (to->room - to->length >= more) {
        return true;
    }
    size_t room = to->room * 2 > to->length + more ? to->room * 2 : to->length + more + 64;
    uint8_t *data = (uint8_t *)realloc(to->data, room);
    if (data == NULL) {
        to->failed = true;
        return false;
    }
    to->data = data;
    to->room = room;
    return true;
}

static inline void naru_write_slice(naru_writer *to, naru_slice bytes) {
    if (bytes.length > 0 && naru_writer_grow(to, bytes.length)) {
        memcpy(to->data + to->length, bytes.data, bytes.length);
        to->length += bytes.length;
    }
}

/* An unsigned number of 1 to 8 bytes. */
static inline void naru_write_number(naru_writer *to, uint64_t number, size_t width) {
    uint8_t bytes[8];
    for (size_t place = 0; place < width; place++) {
        bytes[place] = (uint8_t)(number >> (8 * place));
    }
    naru_slice slice = {bytes, width};
    naru_write_slice(to, slice);
}

static inline void naru_write_u8(naru_writer *to, uint8_t number) {
    naru_write_number(to, number, 1);
}

static inline void naru_write_flag(naru_writer *to, bool flag) {
    naru_write_number(to, flag ? 1 : 0, 1);
}

static inline void naru_write_u32(naru_writer *to, uint32_t number) {
    naru_write_number(to, number, 4);
}

static inline void naru_write_u64(naru_writer *to, uint64_t number) {
    naru_write_number(to, number, 8);
}

static inline void naru_write_i64(naru_writer *to, int64_t number) {
    naru_write_number(to, (uint64_t)number, 8);
}

/* Bytes with their length before them. */
static inline void naru_write_bytes(naru_writer *to, naru_slice bytes) {
    if (bytes.length > UINT32_MAX) {
        to->failed = true;
        return;
    }
    naru_write_u32(to, (uint32_t)bytes.length);
    naru_write_slice(to, bytes);
}

/* A text that ends with a zero byte; NULL is empty. */
static inline void naru_write_text(naru_writer *to, const char *text) {
    naru_write_bytes(to, naru_slice_of(text == NULL ? "" : text));
}

/* Leaves room for a count or a length that is known later, and says where; `naru_write_at` puts it there. */
static inline size_t naru_write_later(naru_writer *to) {
    size_t at = to->length;
    naru_write_u32(to, 0);
    return at;
}

static inline void naru_write_at(naru_writer *to, size_t at, uint32_t number) {
    if (!to->failed && at + 4 <= to->length) {
        for (size_t place = 0; place < 4; place++) {
            to->data[at + place] = (uint8_t)(number >> (8 * place));
        }
    }
}

static inline void naru_write_config(naru_writer *to, naru_list config) {
    naru_slice key, value;
    naru_write_u32(to, config.left);
    while (naru_config_next(&config, &key, &value)) {
        naru_write_bytes(to, key);
        naru_write_bytes(to, value);
    }
}

static inline void naru_write_partition(naru_writer *to, naru_partition partition) {
    naru_write_bytes(to, partition.topic);
    naru_write_u32(to, (uint32_t)partition.number);
}

/* The `safe` of a flush, or the reply of NARU_CALL_OPEN: partitions with their offsets. */
static inline void naru_write_offsets(naru_writer *to, const naru_partition *partitions, uint32_t count) {
    naru_write_u32(to, count);
    for (uint32_t item = 0; item < count; item++) {
        naru_write_partition(to, partitions[item]);
        naru_write_i64(to, partitions[item].offset);
    }
}

/* An error. `decision` is NARU_RETRY to NARU_BAD_CONFIG; `after_ms` only for NARU_RETRY, -1 for the worker's own delay;
 * `key` only for NARU_BAD_CONFIG; `remedy` says what the user should do. Both may be NULL. */
static inline void naru_write_error(naru_writer *to, uint8_t decision, int64_t after_ms, const char *key,
                                    const char *message, const char *remedy) {
    naru_write_u8(to, decision);
    naru_write_i64(to, after_ms);
    naru_write_text(to, key);
    naru_write_text(to, message);
    naru_write_flag(to, remedy != NULL);
    if (remedy != NULL) {
        naru_write_text(to, remedy);
    }
    naru_write_u32(to, 0);
}

/* One of the issues of NARU_CALL_VALIDATE; their count stands before them. */
static inline void naru_write_issue(naru_writer *to, bool is_error, const char *key, const char *message) {
    naru_write_flag(to, is_error);
    naru_write_text(to, key);
    naru_write_text(to, message);
}

/* The reply of a poll that found nothing. */
static inline void naru_write_nothing(naru_writer *to) {
    naru_write_flag(to, false);
}

/* The reply of a poll that found something, up to its batch, which is to be written next. */
static inline void naru_write_polled(naru_writer *to, uint64_t batch, const naru_position *positions, uint32_t count) {
    naru_write_flag(to, true);
    naru_write_u64(to, batch);
    naru_write_u32(to, count);
    for (uint32_t item = 0; item < count; item++) {
        naru_write_bytes(to, positions[item].partition);
        naru_write_flag(to, positions[item].has_offset);
        if (positions[item].has_offset) {
            naru_write_bytes(to, positions[item].offset);
        }
    }
}

/* A batch on its way: `naru_batch_begin`, `naru_batch_record` for each, `naru_batch_end`. */
typedef struct naru_batch_writer {
    size_t start;
    uint32_t records;
} naru_batch_writer;

static inline naru_batch_writer naru_batch_begin(naru_writer *to) {
    naru_batch_writer batch = {to->length, 0};
    naru_write_u64(to, 0);
    return batch;
}

/* How many bytes the batch has so far: what the limit of a poll counts. */
static inline size_t naru_batch_length(const naru_writer *to, const naru_batch_writer *batch) {
    return to->length - batch->start;
}

static inline void naru_write_header(naru_writer *to, naru_slice name, naru_payload value) {
    naru_write_bytes(to, name);
    naru_write_u8(to, value.form);
    naru_write_bytes(to, value.bytes);
}

/* Appends a record. `topic` is its number in the table that `naru_batch_end` writes. Of what a source need not say,
 * `naru_record_of_source` has the right values. Headers are copied. */
static inline void naru_batch_record(naru_writer *to, naru_batch_writer *batch, const naru_record *record) {
    naru_list headers = record->headers;
    naru_slice name;
    naru_payload value;
    if (record->key.bytes.length > UINT32_MAX || record->value.bytes.length > UINT32_MAX) {
        to->failed = true;
        return;
    }
    batch->records++;
    naru_write_u32(to, record->topic);
    naru_write_u32(to, (uint32_t)record->partition);
    naru_write_i64(to, record->offset);
    naru_write_i64(to, record->timestamp);
    naru_write_u32(to, (uint32_t)record->key.bytes.length);
    naru_write_u32(to, (uint32_t)record->value.bytes.length);
    naru_write_u8(to, record->key.form);
    naru_write_u8(to, record->value.form);
    naru_write_flag(to, record->log_append_time);
    naru_write_u8(to, 0);
    naru_write_u32(to, headers.left);
    naru_write_u32(to, record->origin);
    naru_write_u32(to, 0);
    naru_write_slice(to, record->key.bytes);
    naru_write_slice(to, record->value.bytes);
    while (naru_headers_next(&headers, &name, &value)) {
        naru_write_header(to, name, value);
    }
}

/* A record for the first topic of the table: null, of any partition, of now. */
static inline naru_record naru_record_of_source(void) {
    naru_record record;
    memset(&record, 0, sizeof(record));
    record.partition = -1;
    record.timestamp = NARU_NO_TIMESTAMP;
    return record;
}

/* Ends a batch without values of form NARU_VALUE: its topics, and no schemas. */
static inline void naru_batch_end(naru_writer *to, const naru_batch_writer *batch, const naru_slice *topics,
                                  uint32_t count) {
    naru_write_at(to, batch->start, batch->records);
    naru_write_at(to, batch->start + 4, (uint32_t)naru_batch_length(to, batch));
    naru_write_u32(to, count);
    for (uint32_t item = 0; item < count; item++) {
        naru_write_bytes(to, topics[item]);
    }
    naru_write_u32(to, 0);
}

/* The reply of a put, record by record: `naru_taken_begin`, `naru_taken_reject` for each, `naru_taken_end`. */
typedef struct naru_taken {
    size_t count_at;
    uint32_t rejected;
} naru_taken;

/* `kept` says that some that are taken may still be rejected by NARU_CALL_WRITTEN. */
static inline naru_taken naru_taken_begin(naru_writer *to, bool kept) {
    naru_taken taken = {0, 0};
    naru_write_flag(to, kept);
    taken.count_at = naru_write_later(to);
    return taken;
}

/* The record of that index, from 0, can never be taken. */
static inline void naru_taken_reject(naru_writer *to, naru_taken *taken, uint32_t index, const char *message) {
    taken->rejected++;
    naru_write_u32(to, index);
    naru_write_error(to, NARU_REJECT, -1, NULL, message, NULL);
}

/* Nothing has to be put again. */
static inline void naru_taken_end(naru_writer *to, const naru_taken *taken) {
    naru_write_at(to, taken->count_at, taken->rejected);
    naru_write_flag(to, false);
}

/* The reply of a flush: all that was put is safe. */
static inline void naru_write_everything(naru_writer *to) {
    naru_write_u8(to, NARU_EVERYTHING);
}

/* The reply of a flush: these partitions are safe up to these offsets, the others stay where they are. */
static inline void naru_write_up_to(naru_writer *to, const naru_partition *partitions, uint32_t count) {
    naru_write_u8(to, NARU_UP_TO);
    naru_write_offsets(to, partitions, count);
}

/* Hands what was written over as the reply, and returns the status for it. The writer is empty afterwards. */
static inline uint32_t naru_reply(naru_writer *to, uint32_t status, naru_buffer *reply) {
    /* NARU_RETRY, no delay, no key, "out of memory", no remedy, no causes. */
    static const uint8_t no_memory[] = "\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\x0d\0\0\0out of memory\0\0\0\0";
    reply->owner = NULL;
    reply->release = NULL;
    if (to->failed) {
        naru_writer_free(to);
        reply->data = no_memory;
        reply->length = sizeof(no_memory);
        return NARU_ERROR;
    }
    reply->data = to->data;
    reply->length = to->length;
    if (to->data != NULL) {
        reply->owner = to->data;
        reply->release = free;
    }
    memset(to, 0, sizeof(*to));
    return status;
}

/* Answers a call with an error. */
static inline uint32_t naru_reply_error(naru_buffer *reply, uint8_t decision, const char *key, const char *message) {
    naru_writer to = {NULL, 0, 0, false};
    naru_write_error(&to, decision, -1, key, message, NULL);
    return naru_reply(&to, NARU_ERROR, reply);
}

/* Answers a call that makes no sense. */
static inline uint32_t naru_reply_broken(naru_buffer *reply, const char *why) {
    naru_writer to = {NULL, 0, 0, false};
    naru_write_text(&to, why);
    return naru_reply(&to, NARU_BROKEN, reply);
}

#endif
