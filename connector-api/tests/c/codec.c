/* Reads messages from its input, says them again by naru_codec.h on its output. Each message has a letter and its length
 * before it, each answer a flag and its length: 1 and what was said again, or 0 if the message is malformed. */
#include <stdio.h>

#include "naru_codec.h"

/* A batch, record by record. */
static bool say_batch(naru_slice message, naru_writer *to) {
    naru_slice topics[64];
    uint32_t count = 0;
    naru_record record;
    naru_batch batch = naru_read_batch(message);
    naru_batch_writer said = naru_batch_begin(to);
    while (naru_batch_next(&batch, &record)) {
        naru_batch_record(to, &said, &record);
    }
    while (count < 64 && naru_batch_topic(&batch, count, &topics[count])) {
        count++;
    }
    naru_batch_end(to, &said, topics, count);
    return !batch.records.from.failed && !batch.topics.from.failed;
}

/* A start: its configuration, and its positions as a poll has them. */
static bool say_start(naru_reader *from, naru_writer *to) {
    naru_position positions[64];
    uint32_t count = 0;
    naru_start start = naru_read_start(from);
    naru_write_bytes(to, start.connector);
    naru_write_config(to, start.config);
    while (count < 64 && naru_positions_next(&start.positions, &positions[count])) {
        count++;
    }
    naru_write_polled(to, start.task, positions, count);
    return naru_read_whole(from);
}

/* Partitions, with offsets that are their numbers. */
static bool say_partitions(naru_reader *from, naru_writer *to) {
    naru_partition partitions[64];
    uint32_t count = 0;
    naru_list list = naru_read_partitions(from);
    while (count < 64 && naru_partitions_next(&list, &partitions[count])) {
        partitions[count].offset = partitions[count].number;
        count++;
    }
    naru_write_up_to(to, partitions, count);
    return naru_read_whole(from);
}

/* An error, of each decision. */
static bool say_error(naru_reader *from, naru_writer *to) {
    uint8_t decision = naru_read_u8(from);
    naru_write_error(to, decision, decision == NARU_RETRY ? 1500 : -1, decision == NARU_BAD_CONFIG ? "a.key" : NULL,
                     "wrong", decision == NARU_FATAL ? "Do it." : NULL);
    return naru_read_whole(from);
}

/* Rejected records, every second up to a number. */
static bool say_taken(naru_reader *from, naru_writer *to) {
    uint32_t most = naru_read_u32(from) % 100;
    naru_taken taken = naru_taken_begin(to, true);
    for (uint32_t index = 0; index < most; index += 2) {
        naru_taken_reject(to, &taken, index, "no good");
    }
    naru_taken_end(to, &taken);
    return naru_read_whole(from);
}

/* What a reply becomes when there is no memory. */
static bool say_no_memory(naru_writer *to) {
    naru_buffer reply;
    to->failed = true;
    uint32_t status = naru_reply(to, NARU_OK, &reply);
    naru_slice bytes = {reply.data, reply.length};
    naru_write_slice(to, bytes);
    naru_buffer_release(reply);
    return status == NARU_ERROR;
}

static bool say(int letter, naru_slice message, naru_writer *to) {
    naru_reader from = naru_reader_of(message);
    switch (letter) {
    case 'b':
        return say_batch(message, to);
    case 's':
        return say_start(&from, to);
    case 'p':
        return say_partitions(&from, to);
    case 'e':
        return say_error(&from, to);
    case 't':
        return say_taken(&from, to);
    case 'm':
        return say_no_memory(to);
    default:
        return false;
    }
}

static void answer(bool right, naru_buffer said) {
    naru_writer head = {NULL, 0, 0, false};
    naru_write_flag(&head, right);
    naru_write_u32(&head, (uint32_t)said.length);
    fwrite(head.data, 1, head.length, stdout);
    fwrite(said.data, 1, said.length, stdout);
    naru_writer_free(&head);
}

int main(void) {
    int letter;
    uint8_t head[4];
    while ((letter = getchar()) != EOF) {
        if (fread(head, 1, 4, stdin) != 4) {
            return 1;
        }
        naru_slice head_slice = {head, 4};
        naru_reader from = naru_reader_of(head_slice);
        size_t length = naru_read_u32(&from);
        /* Of exactly that size, so that a step beyond its end is seen. */
        uint8_t *bytes = malloc(length == 0 ? 1 : length);
        if (bytes == NULL || fread(bytes, 1, length, stdin) != length) {
            return 1;
        }
        naru_slice message = {bytes, length};
        naru_writer to = {NULL, 0, 0, false};
        naru_buffer said;
        bool right = say(letter, message, &to);
        naru_reply(&to, NARU_OK, &said);
        answer(right, said);
        naru_buffer_release(said);
        free(bytes);
    }
    return 0;
}
