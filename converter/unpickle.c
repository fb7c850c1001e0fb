/* The pickle machine: stack, marks, memo and the opcodes of protocol 2. It calls nothing. */
#include "converter/unpickle.h"

#include "converter/unpickle_machine.h"

enum {
  MAX_DEPTH = 64,
  MAX_STACK = 1 << 20,
  MAX_VALUES = 1 << 21, /* values, items of lists and dicts, and memo entries */
  PROTOCOL = 2
};

static const alb_pickle_value constants[] = {
    {.tag = ALB_PICKLE_NONE},
    {.tag = ALB_PICKLE_BOOL, .integer = 0},
    {.tag = ALB_PICKLE_BOOL, .integer = 1},
    {.tag = ALB_PICKLE_OTHER},
    {.tag = ALB_PICKLE_TUPLE},
};

alb_status alb_pickle_wrong(const alb_pickle_machine *m, alb_status status, const char *what) {
  return alb_fail(m->diag, status, "pickle: %s: %s (offset %zu)", m->name, what, m->offset);
}

alb_status alb_pickle_charge(alb_pickle_machine *m, size_t cost) {
  m->values += cost;
  return m->values <= MAX_VALUES ? ALB_OK : alb_pickle_wrong(m, ALB_LIMIT, "more than 2097152 values");
}

alb_status alb_pickle_new(alb_pickle_machine *m, alb_pickle_tag tag, alb_pickle_value **out) {
  ALB_TRY(alb_pickle_charge(m, 1));
  *out = ALB_NEW(&m->pickle->arena, alb_pickle_value);
  if (!*out) return alb_fail_memory(m->diag, sizeof **out, "a pickled value");
  (*out)->tag = (uint8_t)tag;
  return ALB_OK;
}

/* ---- stack, marks, memo ---- */

static alb_status push(alb_pickle_machine *m, const alb_pickle_value *value) {
  if (m->stack.count == MAX_STACK) return alb_pickle_wrong(m, ALB_LIMIT, "more than 1048576 values on the stack");
  if (!alb_vec_push(&m->stack, (alb_pickle_value *)(uintptr_t)value)) return alb_fail_memory(m->diag, 8, "the stack");
  return ALB_OK;
}

/* The stack's bottom for an opcode that does not look at marks. */
static size_t bottom(const alb_pickle_machine *m) {
  return m->marks.count ? m->marks.items[m->marks.count - 1] : 0;
}

static alb_status pop(alb_pickle_machine *m, alb_pickle_value **out) {
  *out = NULL;
  if (m->stack.count == bottom(m)) return alb_pickle_wrong(m, ALB_MALFORMED, "needs more values than the stack has");
  *out = m->stack.items[--m->stack.count];
  return ALB_OK;
}

static alb_status top(const alb_pickle_machine *m, alb_pickle_value **out) {
  *out = NULL;
  if (m->stack.count == bottom(m)) return alb_pickle_wrong(m, ALB_MALFORMED, "needs more values than the stack has");
  *out = m->stack.items[m->stack.count - 1];
  return ALB_OK;
}

/* The values above the last mark leave the stack; they stay where they are until the next push. */
static alb_status pop_mark(alb_pickle_machine *m, alb_pickle_value ***values, size_t *count) {
  *values = NULL;
  *count = 0;
  if (m->marks.count == 0) return alb_pickle_wrong(m, ALB_MALFORMED, "there is no mark");
  const size_t mark = m->marks.items[--m->marks.count];
  *count = m->stack.count - mark;
  *values = m->stack.items ? m->stack.items + mark : NULL;
  m->stack.count = mark;
  return ALB_OK;
}

/* Makes a value part of another. */
static alb_status absorb(alb_pickle_machine *m, alb_pickle_value *parent, alb_pickle_value *child) {
  if (child->depth >= MAX_DEPTH) return alb_pickle_wrong(m, ALB_LIMIT, "values are nested deeper than 64");
  if (child->depth >= parent->depth) parent->depth = (uint8_t)(child->depth + 1);
  if (child->tag == ALB_PICKLE_LIST || child->tag == ALB_PICKLE_DICT) child->complete = true;
  return ALB_OK;
}

/* Numbers follow one another from 0, as picklers count them: no gaps, so no large tables. */
static alb_status put(alb_pickle_machine *m, uint32_t index) {
  alb_pickle_value *value;
  ALB_TRY(top(m, &value));
  if (index > m->memo.count) return alb_pickle_wrong(m, ALB_MALFORMED, "memo entries do not follow one another");
  if (index < m->memo.count) {
    m->memo.items[index] = value;
    return ALB_OK;
  }
  ALB_TRY(alb_pickle_charge(m, 1));
  return alb_vec_push(&m->memo, value) ? ALB_OK : alb_fail_memory(m->diag, 8, "the memo");
}

/* What is used again does not change any more: nothing can come to contain itself. */
static alb_status get(alb_pickle_machine *m, uint32_t index) {
  if (index >= m->memo.count) return alb_pickle_wrong(m, ALB_MALFORMED, "memo entry is not set");
  alb_pickle_value *value = m->memo.items[index];
  if (value->tag == ALB_PICKLE_LIST || value->tag == ALB_PICKLE_DICT) value->complete = true;
  return push(m, value);
}

/* ---- opcodes: `arg` is the fixed argument ---- */

static alb_status take(alb_pickle_machine *m, uint64_t n, alb_span *out) {
  *out = (alb_span){0};
  if (n <= m->rest.n && alb_span_take(&m->rest, (size_t)n, out)) return ALB_OK;
  return alb_pickle_wrong(m, ALB_TRUNCATED, "the pickle ends inside it");
}

static alb_status op_constant(alb_pickle_machine *m, size_t which) {
  return push(m, &constants[which]);
}
static alb_status op_none(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return op_constant(m, 0);
}
static alb_status op_false(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return op_constant(m, 1);
}
static alb_status op_true(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return op_constant(m, 2);
}
static alb_status op_float(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return op_constant(m, 3);
}
static alb_status op_empty_tuple(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return op_constant(m, 4);
}

static alb_status push_int(alb_pickle_machine *m, int64_t number) {
  alb_pickle_value *value;
  ALB_TRY(alb_pickle_new(m, ALB_PICKLE_INT, &value));
  value->integer = number;
  return push(m, value);
}
static alb_status op_int1(alb_pickle_machine *m, const uint8_t *arg) {
  return push_int(m, arg[0]);
}
static alb_status op_int2(alb_pickle_machine *m, const uint8_t *arg) {
  return push_int(m, alb_load_u16(arg));
}
static alb_status op_int4(alb_pickle_machine *m, const uint8_t *arg) {
  return push_int(m, (int32_t)alb_load_u32(arg));
}

/* Two's complement, little-endian, any length. */
static alb_status push_long(alb_pickle_machine *m, uint64_t n) {
  alb_span bytes;
  uint64_t number = 0;
  ALB_TRY(take(m, n, &bytes));
  if (n > sizeof number) return op_constant(m, 3);
  for (size_t i = 0; i < n; i++) number |= (uint64_t)bytes.p[i] << (8 * i);
  if (n && n < sizeof number && bytes.p[n - 1] & 0x80) number |= ~UINT64_C(0) << (8 * n);
  return push_int(m, (int64_t)number);
}
static alb_status op_long1(alb_pickle_machine *m, const uint8_t *arg) {
  return push_long(m, arg[0]);
}
static alb_status op_long4(alb_pickle_machine *m, const uint8_t *arg) {
  const uint32_t n = alb_load_u32(arg);
  return n <= INT32_MAX ? push_long(m, n) : alb_pickle_wrong(m, ALB_MALFORMED, "a negative length");
}

static alb_status push_text(alb_pickle_machine *m, uint64_t n) {
  alb_pickle_value *value;
  alb_span bytes;
  ALB_TRY(take(m, n, &bytes));
  ALB_TRY(alb_pickle_new(m, ALB_PICKLE_STR, &value));
  value->text = (alb_str){(const char *)bytes.p, bytes.n};
  return push(m, value);
}
static alb_status op_text(alb_pickle_machine *m, const uint8_t *arg) {
  return push_text(m, alb_load_u32(arg));
}
static alb_status op_short_text(alb_pickle_machine *m, const uint8_t *arg) {
  return push_text(m, arg[0]);
}

static alb_status op_mark(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  if (m->marks.count == MAX_STACK) return alb_pickle_wrong(m, ALB_LIMIT, "more than 1048576 marks");
  return alb_vec_push(&m->marks, m->stack.count) ? ALB_OK : alb_fail_memory(m->diag, 8, "marks");
}
static alb_status op_pop(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *value;
  (void)arg;
  return pop(m, &value);
}
static alb_status op_pop_mark(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value **values;
  size_t count;
  (void)arg;
  return pop_mark(m, &values, &count);
}

static alb_status push_tuple(alb_pickle_machine *m, alb_pickle_value **values, size_t count) {
  alb_pickle_value *tuple;
  if (count == 0) return op_constant(m, 4);
  ALB_TRY(alb_pickle_charge(m, count));
  ALB_TRY(alb_pickle_new(m, ALB_PICKLE_TUPLE, &tuple));
  tuple->tuple.items = ALB_NEW_ARRAY(&m->pickle->arena, alb_pickle_value *, count);
  if (!tuple->tuple.items) return alb_fail_memory(m->diag, count * sizeof *values, "a tuple");
  tuple->tuple.count = count;
  for (size_t i = 0; i < count; i++) {
    ALB_TRY(absorb(m, tuple, values[i]));
    tuple->tuple.items[i] = values[i];
  }
  return push(m, tuple);
}
static alb_status op_tuple(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value **values;
  size_t count;
  (void)arg;
  ALB_TRY(pop_mark(m, &values, &count));
  return push_tuple(m, values, count);
}
static alb_status short_tuple(alb_pickle_machine *m, size_t count) {
  alb_pickle_value *values[3];
  for (size_t i = count; i-- > 0;) ALB_TRY(pop(m, &values[i]));
  return push_tuple(m, values, count);
}
static alb_status op_tuple1(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return short_tuple(m, 1);
}
static alb_status op_tuple2(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return short_tuple(m, 2);
}
static alb_status op_tuple3(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return short_tuple(m, 3);
}

static alb_status push_new(alb_pickle_machine *m, alb_pickle_tag tag) {
  alb_pickle_value *value;
  ALB_TRY(alb_pickle_new(m, tag, &value));
  return push(m, value);
}
static alb_status op_empty_list(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return push_new(m, ALB_PICKLE_LIST);
}
static alb_status op_empty_dict(alb_pickle_machine *m, const uint8_t *arg) {
  (void)arg;
  return push_new(m, ALB_PICKLE_DICT);
}

static alb_status add_item(alb_pickle_machine *m, alb_pickle_value *to, alb_pickle_value *key,
                           alb_pickle_value *value) {
  ALB_TRY(alb_pickle_charge(m, 1));
  if (key && (key->tag == ALB_PICKLE_LIST || key->tag == ALB_PICKLE_DICT)) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "a list or dict as a key");
  }
  if (key) ALB_TRY(absorb(m, to, key));
  ALB_TRY(absorb(m, to, value));
  alb_pickle_item *item = ALB_NEW(&m->pickle->arena, alb_pickle_item);
  if (!item) return alb_fail_memory(m->diag, sizeof *item, "an item");
  *item = (alb_pickle_item){.key = key, .value = value};
  *(to->many.last ? &to->many.last->next : &to->many.first) = item;
  to->many.last = item;
  to->many.count++;
  return ALB_OK;
}

/* The list or dict on the stack's top, to which something may still be added. */
static alb_status open_top(alb_pickle_machine *m, alb_pickle_tag tag, alb_pickle_value **out) {
  ALB_TRY(top(m, out));
  if ((*out)->tag != tag) {
    return alb_pickle_wrong(m, ALB_MALFORMED, tag == ALB_PICKLE_LIST ? "is not on a list" : "is not on a dict");
  }
  return (*out)->complete ? alb_pickle_wrong(m, ALB_MALFORMED,
                                             "a list or dict is changed after it was used: it would contain itself")
                          : ALB_OK;
}
static alb_status op_append(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *list, *value;
  (void)arg;
  ALB_TRY(pop(m, &value));
  ALB_TRY(open_top(m, ALB_PICKLE_LIST, &list));
  return add_item(m, list, NULL, value);
}
static alb_status op_appends(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *list, **values;
  size_t count;
  (void)arg;
  ALB_TRY(pop_mark(m, &values, &count));
  ALB_TRY(open_top(m, ALB_PICKLE_LIST, &list));
  for (size_t i = 0; i < count; i++) ALB_TRY(add_item(m, list, NULL, values[i]));
  return ALB_OK;
}
static alb_status op_setitem(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *dict, *key, *value;
  (void)arg;
  ALB_TRY(pop(m, &value));
  ALB_TRY(pop(m, &key));
  ALB_TRY(open_top(m, ALB_PICKLE_DICT, &dict));
  return add_item(m, dict, key, value);
}
static alb_status op_setitems(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *dict, **values;
  size_t count;
  (void)arg;
  ALB_TRY(pop_mark(m, &values, &count));
  ALB_TRY(open_top(m, ALB_PICKLE_DICT, &dict));
  if (count % 2) return alb_pickle_wrong(m, ALB_MALFORMED, "a key without a value");
  for (size_t i = 0; i < count; i += 2) ALB_TRY(add_item(m, dict, values[i], values[i + 1]));
  return ALB_OK;
}

/* State dicts carry "_metadata" as an attribute; nothing else has attributes, and these are of no use. */
static alb_status op_build(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *dict, *state;
  (void)arg;
  ALB_TRY(pop(m, &state));
  ALB_TRY(open_top(m, ALB_PICKLE_DICT, &dict));
  const alb_pickle_item *item = state->tag == ALB_PICKLE_DICT ? state->many.first : NULL;
  const bool metadata = item && state->many.count == 1 && item->key->tag == ALB_PICKLE_STR;
  if (dict->ordered && metadata && alb_str_is(item->key->text, "_metadata")) return ALB_OK;
  return alb_pickle_wrong(m, ALB_MALFORMED, "attributes other than the _metadata of an OrderedDict");
}

static alb_status op_put1(alb_pickle_machine *m, const uint8_t *arg) {
  return put(m, arg[0]);
}
static alb_status op_put4(alb_pickle_machine *m, const uint8_t *arg) {
  return put(m, alb_load_u32(arg));
}
static alb_status op_get1(alb_pickle_machine *m, const uint8_t *arg) {
  return get(m, arg[0]);
}
static alb_status op_get4(alb_pickle_machine *m, const uint8_t *arg) {
  return get(m, alb_load_u32(arg));
}

static alb_status take_line(alb_pickle_machine *m, alb_str *line) {
  const uint8_t *end = m->rest.n ? memchr(m->rest.p, '\n', m->rest.n) : NULL;
  alb_span bytes;
  ALB_TRY(take(m, end ? (uint64_t)(end - m->rest.p) + 1 : UINT64_MAX, &bytes));
  *line = (alb_str){(const char *)bytes.p, bytes.n - 1};
  return ALB_OK;
}
static alb_status op_global(alb_pickle_machine *m, const uint8_t *arg) {
  alb_str module, name;
  alb_pickle_value *value;
  (void)arg;
  ALB_TRY(take_line(m, &module));
  ALB_TRY(take_line(m, &name));
  ALB_TRY(alb_pickle_global(m, module, name, &value));
  return push(m, value);
}
static alb_status op_reduce(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *callable, *args, *value;
  (void)arg;
  ALB_TRY(pop(m, &args));
  ALB_TRY(pop(m, &callable));
  if (callable->tag != ALB_PICKLE_GLOBAL || args->tag != ALB_PICKLE_TUPLE) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "is not on a name and a tuple");
  }
  ALB_TRY(alb_pickle_reduce(m, callable, args, &value));
  return push(m, value);
}
static alb_status op_persistent(alb_pickle_machine *m, const uint8_t *arg) {
  alb_pickle_value *id, *value;
  (void)arg;
  ALB_TRY(pop(m, &id));
  ALB_TRY(alb_pickle_persistent(m, id, &value));
  return push(m, value);
}

/* ---- the table and the loop ---- */

enum { OP_STOP = '.', OP_PROTO = 0x80 };

/* Opcode, name, bytes of its fixed argument, what it does; NULL: known, and refused. */
static const struct opcode {
  const char *name;
  alb_status (*run)(alb_pickle_machine *m, const uint8_t *arg);
  uint8_t argument;
} opcodes[256] = {
    ['('] = {"MARK", op_mark, 0},
    ['0'] = {"POP", op_pop, 0},
    ['1'] = {"POP_MARK", op_pop_mark, 0},
    ['N'] = {"NONE", op_none, 0},
    [0x88] = {"NEWTRUE", op_true, 0},
    [0x89] = {"NEWFALSE", op_false, 0},
    ['K'] = {"BININT1", op_int1, 1},
    ['M'] = {"BININT2", op_int2, 2},
    ['J'] = {"BININT", op_int4, 4},
    [0x8a] = {"LONG1", op_long1, 1},
    [0x8b] = {"LONG4", op_long4, 4},
    ['G'] = {"BINFLOAT", op_float, 8},
    ['X'] = {"BINUNICODE", op_text, 4},
    ['U'] = {"SHORT_BINSTRING", op_short_text, 1}, /* by Python 2 */
    [')'] = {"EMPTY_TUPLE", op_empty_tuple, 0},
    ['t'] = {"TUPLE", op_tuple, 0},
    [0x85] = {"TUPLE1", op_tuple1, 0},
    [0x86] = {"TUPLE2", op_tuple2, 0},
    [0x87] = {"TUPLE3", op_tuple3, 0},
    [']'] = {"EMPTY_LIST", op_empty_list, 0},
    ['a'] = {"APPEND", op_append, 0},
    ['e'] = {"APPENDS", op_appends, 0},
    ['}'] = {"EMPTY_DICT", op_empty_dict, 0},
    ['s'] = {"SETITEM", op_setitem, 0},
    ['u'] = {"SETITEMS", op_setitems, 0},
    ['q'] = {"BINPUT", op_put1, 1},
    ['r'] = {"LONG_BINPUT", op_put4, 4},
    ['h'] = {"BINGET", op_get1, 1},
    ['j'] = {"LONG_BINGET", op_get4, 4},
    ['c'] = {"GLOBAL", op_global, 0},
    ['R'] = {"REDUCE", op_reduce, 0},
    ['b'] = {"BUILD", op_build, 0},
    ['Q'] = {"BINPERSID", op_persistent, 0},
    [OP_STOP] = {"STOP", NULL, 0},
    [OP_PROTO] = {"PROTO", NULL, 0},
    /* not written by PyTorch */
    ['2'] = {"DUP", NULL, 0},
    ['F'] = {"FLOAT", NULL, 0},
    ['I'] = {"INT", NULL, 0},
    ['L'] = {"LONG", NULL, 0},
    ['P'] = {"PERSID", NULL, 0},
    ['S'] = {"STRING", NULL, 0},
    ['T'] = {"BINSTRING", NULL, 0},
    ['V'] = {"UNICODE", NULL, 0},
    ['d'] = {"DICT", NULL, 0},
    ['g'] = {"GET", NULL, 0},
    ['i'] = {"INST", NULL, 0},
    ['l'] = {"LIST", NULL, 0},
    ['o'] = {"OBJ", NULL, 0},
    ['p'] = {"PUT", NULL, 0},
    ['B'] = {"BINBYTES", NULL, 0},
    ['C'] = {"SHORT_BINBYTES", NULL, 0},
    [0x81] = {"NEWOBJ", NULL, 0},
    [0x82] = {"EXT1", NULL, 0},
    [0x83] = {"EXT2", NULL, 0},
    [0x84] = {"EXT4", NULL, 0},
    [0x8c] = {"SHORT_BINUNICODE", NULL, 0},
    [0x8d] = {"BINUNICODE8", NULL, 0},
    [0x8e] = {"BINBYTES8", NULL, 0},
    [0x8f] = {"EMPTY_SET", NULL, 0},
    [0x90] = {"ADDITEMS", NULL, 0},
    [0x91] = {"FROZENSET", NULL, 0},
    [0x92] = {"NEWOBJ_EX", NULL, 0},
    [0x93] = {"STACK_GLOBAL", NULL, 0},
    [0x94] = {"MEMOIZE", NULL, 0},
    [0x95] = {"FRAME", NULL, 0},
    [0x96] = {"BYTEARRAY8", NULL, 0},
    [0x97] = {"NEXT_BUFFER", NULL, 0},
    [0x98] = {"READONLY_BUFFER", NULL, 0},
};

static alb_status read_protocol(alb_pickle_machine *m) {
  alb_span head;
  if (m->rest.n < 2) return alb_fail(m->diag, ALB_TRUNCATED, "pickle: %zu bytes are none", m->rest.n);
  (void)alb_span_take(&m->rest, 2, &head);
  if (head.p[0] == OP_PROTO && head.p[1] == PROTOCOL) return ALB_OK;
  if (head.p[0] != OP_PROTO) {
    return alb_fail(m->diag, ALB_UNSUPPORTED, "pickle: begins with byte 0x%02x, not with protocol %d", head.p[0],
                    PROTOCOL);
  }
  return alb_fail(m->diag, ALB_UNSUPPORTED, "pickle: protocol %u is not supported, PyTorch writes %d", head.p[1],
                  PROTOCOL);
}

/* Runs the next opcode; *stop: it was STOP. */
static alb_status step(alb_pickle_machine *m, bool *stop) {
  alb_span code, arg;
  m->offset = (size_t)(m->rest.p - m->begin);
  if (!alb_span_take(&m->rest, 1, &code)) return alb_fail(m->diag, ALB_TRUNCATED, "pickle: ends without STOP");
  const struct opcode *op = &opcodes[code.p[0]];
  m->name = op->name;
  *stop = code.p[0] == OP_STOP;
  if (*stop) return ALB_OK;
  if (!op->name) {
    return alb_fail(m->diag, ALB_MALFORMED, "pickle: 0x%02x is no opcode (offset %zu)", code.p[0], m->offset);
  }
  if (!op->run) return alb_pickle_wrong(m, ALB_UNSUPPORTED, "weights as PyTorch writes them do not need this opcode");
  ALB_TRY(take(m, op->argument, &arg));
  return op->run(m, arg.p);
}

static alb_status run(alb_pickle_machine *m) {
  bool stop = false;
  ALB_TRY(read_protocol(m));
  while (!stop) ALB_TRY(step(m, &stop));
  if (m->stack.count != 1 || m->marks.count) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "the stack holds something else than one value");
  }
  m->pickle->root = m->stack.items[0];
  m->pickle->size = (size_t)(m->rest.p - m->begin);
  return ALB_OK;
}

alb_status alb_unpickle(alb_diag *diag, alb_span bytes, alb_pickle *out) {
  alb_pickle_machine m = {.diag = diag, .pickle = out, .begin = bytes.p, .rest = bytes, .name = "PROTO"};
  *out = (alb_pickle){0};
  const alb_status status = run(&m);
  alb_vec_free(&m.stack);
  alb_vec_free(&m.marks);
  alb_vec_free(&m.memo);
  if (status != ALB_OK) alb_pickle_free(out);
  return status;
}

void alb_pickle_free(alb_pickle *pickle) {
  alb_strmap_free(&pickle->keys);
  alb_vec_free(&pickle->storages);
  alb_arena_free(&pickle->arena);
  pickle->root = NULL;
}

const alb_pickle_value *alb_pickle_get(const alb_pickle_value *dict, const char *key) {
  const alb_pickle_value *found = NULL;
  for (const alb_pickle_item *i = dict->many.first; i; i = i->next) {
    if (i->key->tag == ALB_PICKLE_STR && alb_str_is(i->key->text, key)) found = i->value;
  }
  return found;
}
