/*
 * The boundary between Naru's worker and a plugin, for authors in C or in any language that can make a C library.
 *
 * Naru moves records between a log (Kafka's protocol) and other systems. The programs that know the other systems are
 * connectors: a SOURCE reads one and gives records, a SINK takes records and writes them to one. A worker is the process
 * that runs connectors. It splits a connector into tasks, each on a thread of its own, and does everything else: topics,
 * offsets, retries, formats, the REST interface.
 *
 * A plugin is a dynamic library (`.so`) in a folder of the worker's `plugin.path`. It exports one function, `naru_plugin`,
 * which returns a descriptor: who it is, a JSON text for each of its connectors, and seven functions. The worker opens an
 * instance for each task and makes calls of it; a call is a number, a request and a reply, both plain bytes.
 * `naru_codec.h` reads and writes these bytes. Built with
 *
 *     cc -shared -fPIC -O2 -std=c11 -o libmy_plugin.so my_plugin.c
 *
 * RULES
 *
 *   Memory    Each side frees what it made. A `naru_slice` is lent: it is there until the function that got it returns. A
 *             `naru_buffer` changes hands: whoever has it calls its `release` once. The descriptor and all that it points
 *             to stay for ever. A library is never unloaded.
 *   Threads   All functions of an instance are called on one thread, and never two at a time; different instances may be on
 *             different threads at once. `naru_host.tell`, the functions of a kept `naru_waker` and the `release` of a
 *             buffer may be called from any thread.
 *   Time      A call may block, but not for long: while a task blocks, it does nothing else, and a task that does not come
 *             back within its deadline is given up. `poll` says itself how long it may wait. A call that has to wait longer
 *             returns NARU_PENDING.
 *   Errors    Nothing may be thrown through these functions. A crash of the library is a crash of the worker.
 *   Versions  `abi_major` must be the worker's. A larger minor has more at the end of structs, more calls and more news; who
 *             does not know a call answers it with NARU_BROKEN.
 */
#ifndef NARU_PLUGIN_H
#define NARU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- the descriptor ------------------------------------------------------------------------------------------------ */

/* "NARU" in the memory of a little-endian machine. */
#define NARU_MAGIC UINT32_C(0x5552414e)
/* The version of this header. */
#define NARU_ABI_MAJOR UINT16_C(1)
#define NARU_ABI_MINOR UINT16_C(1)

/* A capability: no exception and no panic leaves any function of the library. C code simply sets it; without it, the
 * library is refused. */
#define NARU_CATCHES_PANICS UINT32_C(1)
/* These bits of the capabilities name what the library cannot do without. No such bit has a meaning yet: leave them 0. */
#define NARU_NEEDS UINT32_C(0xffff0000)

/* What `call` and `resume` return. */
/* Done; the reply is that of the call. */
#define NARU_OK UINT32_C(0)
/* The call goes on. Wake the waker, and it is resumed; it may be cancelled instead. There is no reply yet. */
#define NARU_PENDING UINT32_C(1)
/* Failed; the reply is an error (see below). */
#define NARU_ERROR UINT32_C(2)
/* The code panicked, in languages that do; the reply is a text. The instance is closed next. */
#define NARU_PANIC UINT32_C(3)
/* The call makes no sense, such as one that is not known; the reply is a text. */
#define NARU_BROKEN UINT32_C(4)
/* Added to the status of any call of a sink that takes no more records until a call of NARU_CALL_WRITTEN has ended. */
#define NARU_FULL UINT32_C(0x100)

/* What an instance is opened for. */
/* The connector as a whole: calls 1 to 15. It is closed after its call. */
#define NARU_CONNECTOR UINT32_C(1)
/* One task: calls from 16 on. */
#define NARU_TASK UINT32_C(2)

/* Bytes that are lent. If `length` is 0, `data` is not looked at. */
typedef struct naru_slice {
    const uint8_t *data;
    size_t length;
} naru_slice;

/* Bytes that change hands. Whoever has them may read them from any thread, and gives them back once, by
 * `release(owner)`. Without a `release` they stay for ever. They are never written to. */
typedef struct naru_buffer {
    const uint8_t *data;
    size_t length;
    void *owner;
    void (*release)(void *owner);
} naru_buffer;

/* How a call that returned NARU_PENDING says that it can be resumed. The struct and its context are lent for the time of
 * the function. To keep it, copy the struct with the context that `clone(context)` returns; that one may be woken from any
 * thread, any number of times, and is let go once by `release`. Only the latest waker that an instance got counts. */
typedef struct naru_waker {
    const void *context;
    const void *(*clone)(const void *context);
    void (*wake)(const void *context);
    void (*release)(const void *context);
} naru_waker;

/* The worker. `tell` tells it news, from any thread: a number and a message (see below); what it returns depends on the
 * news. `release` is called once, when nothing is told any more; at the latest by `close`. */
typedef struct naru_host {
    void *context;
    uint64_t (*tell)(void *context, uint32_t news, naru_slice message);
    void (*release)(void *context);
} naru_host;

/* A connector or a task: whatever the library makes of it. */
typedef struct naru_instance naru_instance;

/* What a library is. Every function is set. */
typedef struct naru_descriptor {
    /* NARU_MAGIC, NARU_ABI_MAJOR, NARU_ABI_MINOR, sizeof(naru_descriptor), NARU_CATCHES_PANICS. */
    uint32_t magic;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t size;
    uint32_t capabilities;
    /* The library's name and what it was built with, for people. */
    naru_slice package;
    naru_slice built_with;
    /* A JSON text for each connector; see "definitions". A connector's number is its place here. */
    const naru_slice *definitions;
    uint32_t definition_count;
    uint32_t reserved;
    /* Called once, before anything else: where to log what belongs to no instance, and up to which level (1 error to 5
     * trace). The library owns the host and lets it go, at once if it has no use for it. */
    void (*initialize)(naru_host host, uint32_t log_level);
    /* Makes an instance for that connector: NARU_CONNECTOR or NARU_TASK. It owns the host. NULL if it cannot be made; the
     * host is then let go first. */
    naru_instance *(*open)(uint32_t definition, uint32_t scope, naru_host host);
    /* Begins a call. The instance owns the request and releases it, whatever it returns. The reply is an empty buffer, to be
     * written unless the call is pending; the worker then owns it. */
    uint32_t (*call)(naru_instance *instance, uint32_t call, naru_buffer request, const naru_waker *waker,
                     naru_buffer *reply);
    /* Goes on with the call that is pending. */
    uint32_t (*resume)(naru_instance *instance, const naru_waker *waker, naru_buffer *reply);
    /* Gives up the call that is pending. Nothing may be lost by it: a `written` that is cancelled is made again. */
    void (*cancel)(naru_instance *instance);
    /* Lets what goes on between calls go on; tasks only. Called once at first, and after each wake of this waker. Without
     * anything to do between calls, it does nothing. */
    void (*drive)(naru_instance *instance, const naru_waker *waker);
    /* Ends the instance, in whatever state it is: it is freed, its host released. */
    void (*close)(naru_instance *instance);
} naru_descriptor;

#if defined(_WIN32)
#define NARU_EXPORT __declspec(dllexport)
#else
#define NARU_EXPORT __attribute__((visibility("default")))
#endif

/* The symbol that every library exports. */
#define NARU_SYMBOL "naru_plugin"
NARU_EXPORT const naru_descriptor *naru_plugin(void);

/* --- definitions ---------------------------------------------------------------------------------------------------- */

/*
 * A connector describes itself by a JSON object. Names that are not listed here are refused.
 *
 *   {"kind": "source", "class": "example.ThingSource", "aliases": ["thing"], "version": "1.0.0", "doc": "...",
 *    "keys": [{"name": "topic", "type": "STRING", "required": true, "doc": "Where the records go."},
 *             {"name": "every.ms", "type": "LONG", "default": "1000", "at_least": 1}]}
 *
 *   kind         "source", "sink", "transformation", "predicate" or "converter"; needed
 *   class        what users write as `connector.class`, `transforms.NAME.type`, `predicates.NAME.type` or `value.converter`; needed.
 *                The part after the last dot will do for them too.
 *   version      its own version; needed
 *   aliases      further names
 *   doc          what it does, in a sentence
 *   watches      true for a source that answers NARU_CALL_WATCH
 *   keys         its configuration, a list of objects of which only `name` is needed:
 *
 *     name          the key; a `*` in it stands for any text
 *     type          "BOOLEAN", "STRING" (if absent), "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"
 *     required      true: users must set it
 *     default       what holds if they do not, as a text; without it, the key is absent then
 *     importance    "HIGH", "MEDIUM", "LOW"
 *     doc, group, display_name, width ("NONE", "SHORT", "MEDIUM", "LONG"), dependents (a list of keys)
 *                   how forms show it
 *     one_of        a list of the words that it can be; or
 *     between       the smallest and the largest number, [1, 10]; or
 *     at_least      the smallest number; or
 *     non_empty     true: it must not be empty. One of these four at most.
 *     no_effect     the reason why a key that is known from elsewhere does nothing here
 *     only, only_because
 *                   the values that are allowed here of a key that is known from elsewhere, and why only they
 *
 * The worker checks configurations by this before the plugin sees them. A configuration holds only what users have set: a
 * key with a default may be absent, and the plugin then takes the default itself. It also holds keys of the worker.
 */

/* --- messages ------------------------------------------------------------------------------------------------------- */

/*
 * Numbers are little-endian and of fixed width, signed ones in two's complement; nothing is aligned or padded.
 *
 *   flag         u8, 0 or 1
 *   text         u32 length, that many bytes of UTF-8
 *   list of x    u32 count, that many x
 *   option of x  flag, then x if it is 1
 *   config       list of (text key, text value)
 *   partition    text topic, i32 number: a partition of a topic in the log
 *   positions    list of (text, option of text): how far a source has got. The first is a JSON object that names one
 *                independent stream of the source, such as a file, and stays the same for ever; the second a JSON object
 *                that says how far, absent to forget the stream. Both are flat maps of names to plain values.
 *   error        u8 decision, i64 milliseconds (-1: none; only for NARU_RETRY), text key (only for NARU_BAD_CONFIG, else
 *                empty), text message, option of text: what the user should do, list of text: causes
 *   safe         list of (partition, i64 offset after the last record that is safe)
 *   written      safe, list of (partition, i64 offset, error): records that can never be taken
 */

/* What happens after an error. */
/* The same call is made again, after these milliseconds or the worker's own growing delay. */
#define NARU_RETRY 0
/* The record cannot be taken, now or later. */
#define NARU_REJECT 1
/* The task fails; the worker starts it again after a growing delay. */
#define NARU_FAIL 2
/* The task fails and stays so until somebody acts. */
#define NARU_FATAL 3
/* The configuration is wrong at this key. */
#define NARU_BAD_CONFIG 4

/*
 * CALLS OF A CONNECTOR
 *
 *   call             of      request                      reply
 *   VALIDATE         both    config                       list of issues: flag 1 if an error, 0 if a warning; text key; text
 *   SPLIT            both    config, u32 most tasks       list of config: one for each task, one at least
 *   WATCH            source  config                       empty, as soon as the work should be split anew
 *   EXACTLY_ONCE     source  config                       flag: the same position always leads to the same records
 *   CHECK_POSITIONS  source  config, positions            empty; an error if a user wants to store positions that are wrong
 *   FORMATS          sink    config                       u8 form of keys, u8 form of values
 *   READS            see below  config                    flag: keys are looked into; flag: values are
 */
#define NARU_CALL_VALIDATE UINT32_C(1)
#define NARU_CALL_SPLIT UINT32_C(2)
#define NARU_CALL_WATCH UINT32_C(3)
#define NARU_CALL_EXACTLY_ONCE UINT32_C(4)
#define NARU_CALL_CHECK_POSITIONS UINT32_C(5)
#define NARU_CALL_FORMATS UINT32_C(6)
#define NARU_CALL_READS UINT32_C(7)

/*
 * CALLS OF A TASK
 *
 *   source:  START  ( POLL | SETTLED )*  STOP
 *   sink:    START  ( OPEN  ( PUT | WRITTEN | FLUSH )*  FLUSH  CLOSE )*  STOP
 *
 *   call     of      request                              reply
 *   START    both    text connector, u32 task, config,    empty. Positions are those stored for the whole connector; a sink
 *                    positions                            has none.
 *   POLL     source  u32 most records, u64 most bytes,    flag 0 if nothing came; or flag 1, u64 batch, positions, batch of
 *                    u64 milliseconds to wait             records. The positions are stored once every record is safe in
 *                                                         the log; the number of the batch is given back by SETTLED.
 *   SETTLED  source  u64 batch, u8 outcome, and text if   empty. Follows every batch once, in order.
 *                    it failed
 *   STOP     both    empty                                empty
 *   OPEN     sink    list of partition                    list of (partition, i64 offset): where to read on, of those that
 *                                                         are not to be read from their committed offsets
 *   PUT      sink    batch of records                     flag 1 if some that were taken may still be rejected by WRITTEN;
 *                                                         list of (u32 index, error): can never be taken; option of (list of
 *                                                         u32 indexes, ascending; error): to be put again. All others
 *                                                         count as taken. An error as the reply: none was taken.
 *   WRITTEN  sink    empty                                written, as soon as something has become of what was kept. A sink
 *                                                         that keeps nothing returns NARU_PENDING and never wakes.
 *   FLUSH    sink    u8 occasion                          u8 0: all that was put is safe; or u8 1, safe; or u8 2, written
 *   CLOSE    sink    list of partition                    empty. What is kept of them is dropped.
 */
#define NARU_CALL_START UINT32_C(16)
#define NARU_CALL_POLL UINT32_C(17)
#define NARU_CALL_SETTLED UINT32_C(18)
#define NARU_CALL_STOP UINT32_C(19)
#define NARU_CALL_OPEN UINT32_C(20)
#define NARU_CALL_PUT UINT32_C(21)
#define NARU_CALL_WRITTEN UINT32_C(22)
#define NARU_CALL_FLUSH UINT32_C(23)
#define NARU_CALL_CLOSE UINT32_C(24)

/*
 * CALLS OF TRANSFORMS, PREDICATES AND CONVERTERS (since minor version 1)
 *
 * As a whole they have VALIDATE, transforms and predicates READS too. For a task, in NARU_TASK:  START  ( call )*  STOP.
 * START has the configuration of the transform alone, without the prefix `transforms.NAME.`, and no positions; for a converter
 * the key `converter.type` says what it is for: `key`, `value` or `header`.
 *
 *   call     of         request                           reply
 *   APPLY    transform  batch of records                  list of u32: indexes that are dropped; failed; batch of the others, in
 *                                                         their order
 *   TEST     predicate  batch of records                  failed; list of flag, one for each record: whether the transform is
 *                                                         for it
 *   ENCODE   converter  batch of records                  failed; batch of the others, with bytes or null as values
 *   DECODE   converter  u8 form, batch of records         failed; batch of the others, with values of that form
 *
 * `failed` is a list of (u32 index, error); indexes are ascending, and none is dropped and failed. An error of NARU_RETRY has that
 * record come again, as it was; every other one is a record that cannot be taken. A converter is given what it converts, keys too, as
 * the values of records that have nothing else but a topic; none of them is null.
 */
#define NARU_CALL_APPLY UINT32_C(25)
#define NARU_CALL_TEST UINT32_C(26)
#define NARU_CALL_ENCODE UINT32_C(27)
#define NARU_CALL_DECODE UINT32_C(28)

/* What became of a batch: every record is durable; it could not be delivered, for the reason that follows; the task ended
 * before it was known. */
#define NARU_DELIVERED 0
#define NARU_FAILED 1
#define NARU_UNKNOWN 2

/* Why a flush is asked for: the commit interval is over; partitions are about to be given up. */
#define NARU_INTERVAL 0
#define NARU_CLOSING 1

/* What a flush says. */
#define NARU_EVERYTHING 0
#define NARU_UP_TO 1
#define NARU_WHAT_BECAME 2

/* --- batches of records --------------------------------------------------------------------------------------------- */

/*
 *   batch    u32 number of records, u32 where the tables begin (bytes from the start of the batch), records, tables
 *   record   a head of NARU_RECORD_HEADER bytes, with these parts at these places, then key, value, headers
 *              0  u32  topic, by its number in the table
 *              4  i32  partition; -1 leaves the choice to the key
 *              8  i64  offset; 0 from a source
 *             16  i64  milliseconds since 1970; NARU_NO_TIMESTAMP: a source's record gets the moment of sending
 *             24  u32  bytes of the key
 *             28  u32  bytes of the value
 *             32  u8   form of the key
 *             33  u8   form of the value
 *             34  u8   0 if the producer set the timestamp, 1 if the log did; 0 from a source
 *             35  u8   0
 *             36  u32  number of headers
 *             40  u32  topic that holds the record in the log, which a sink counts offsets by; from a source as `topic`
 *             44  u32  0
 *   header   text name, u8 form, u32 length, bytes
 *   tables   list of text: topics; list of (u32 length, schema)
 */
#define NARU_RECORD_HEADER 48
#define NARU_NO_TIMESTAMP INT64_MIN

/* Forms of keys, values and headers. A sink gets keys and values in the forms that it answers FORMATS with, or null. */
/* Nothing, of 0 bytes. */
#define NARU_NULL 0
/* Bytes as they are. */
#define NARU_BYTES 1
/* A JSON text. */
#define NARU_JSON 2
/* A value: u32 number of its schema in the table plus one, 0 for none, then the value. */
#define NARU_VALUE 3

/*
 * A value is a u8 and its content:
 *
 *    0 null            4 i16             8 64-bit float                  12 array: list of values
 *    1 false           5 i32             9 text                          13 map: list of (value, value)
 *    2 true            6 i64            10 bytes, u32 length before      14 struct: u32 number of its schema plus one, or 0
 *    3 i8              7 32-bit float   11 decimal: text, as "-12.50"       if it is the schema that stands in its place;
 *                                                                           list of values, one for each field
 *
 * A schema is: u8 type, flag 1 if null is allowed, option of text name, option of i32 version, option of text doc, list of
 * (text, text) parameters, what the type needs, option of value: its default. Types are 0 boolean, 1 i8, 2 i16, 3 i32, 4 i64,
 * 5 32-bit float, 6 64-bit float, 7 text, 8 bytes, 9 array (needs: schema), 10 map (schema, schema), 11 struct (list of (text
 * name, schema)). Both may be nested NARU_MAX_DEPTH deep.
 */
#define NARU_MAX_DEPTH 128

/* --- news ------------------------------------------------------------------------------------------------------------ */

/*
 * What a library tells its host, whenever it likes:
 *
 *   news      message                                                          tell returns
 *   LOG       u8 level (1 error to 5 trace), text target, text message         0
 *   ACTIVITY  text: what the task is doing, for its status                     0
 *   WARNING   text, for the status and the log                                 0
 *   PROGRESS  text name, u64 done, option of u64 total, text unit, flag 1 if   0
 *             finished
 *   METRIC    text name, u64: the bits of a 64-bit float                       0
 *   REQUEST   empty: a request to the other side is about to be sent           microseconds to wait before
 *   MEMORY    u32 share, u64 bytes: how much memory is kept in this share, a   1 if granted, else 0
 *             number that the library chooses; 0 bytes give it back
 *   BROKEN    text: why the task cannot go on; it fails at its next step       0
 */
#define NARU_NEWS_LOG UINT32_C(1)
#define NARU_NEWS_ACTIVITY UINT32_C(2)
#define NARU_NEWS_WARNING UINT32_C(3)
#define NARU_NEWS_PROGRESS UINT32_C(4)
#define NARU_NEWS_METRIC UINT32_C(5)
#define NARU_NEWS_REQUEST UINT32_C(6)
#define NARU_NEWS_MEMORY UINT32_C(7)
#define NARU_NEWS_BROKEN UINT32_C(8)

#ifdef __cplusplus
}
#endif

#endif
