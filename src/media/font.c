/* Glyphs are strokes of one width, drawn with a round pen, like the letters of a plotter: they stay clean at every
 * size.
 *
 * A glyph is a string. Two characters are a point (x, y), each a digit in base 36 on a grid where capitals reach from y
 * = 6 to 24 and small letters to 18. `~` before a point makes it a control point of a quadratic curve; between two
 * control points lies an implied point half way, as in TrueType. `;` lifts the pen, `@` leads back to where the stroke
 * began and lifts it. */
#include "font.h"

#include <string.h>

enum { FIRST = ' ', MISSING = 95, GLYPHS = 96, STEPS = 8 };

struct glyph {
    uint8_t width;
    const char *strokes;
};

/* clang-format off */
static const struct glyph glyphs[GLYPHS] = {
    [' ' - ' '] = {5, ""},
    ['!' - ' '] = {0, "0o0e;0606"},
    ['"' - ' '] = {4, "0o0k;4o4k"},
    ['#' - ' '] = {12, "4o26;ao86;0ici;0ccc"},
    ['$' - ' '] = {12, "ck~co6o~0o~0g6g~cg~c666~060a;6q64"},
    ['%' - ' '] = {14, "26co;~0o~0i~6i~6o@;~8c~86~e6~ec@"},
    ['&' - ' '] = {14, "e62k~2o6o~ao~ag4e~0c~0646~a6ce"},
    ['\'' - ' '] = {0, "0o0k"},
    ['(' - ' '] = {4, "4q~0k~0a44"},
    [')' - ' '] = {4, "0q~4k~4a04"},
    ['*' - ' '] = {8, "4o4g;0m8i;0i8m"},
    ['+' - ' '] = {12, "6k68;0ece"},
    [',' - ' '] = {2, "2804"},
    ['-' - ' '] = {8, "0e8e"},
    ['.' - ' '] = {0, "0606"},
    ['/' - ' '] = {8, "048q"},
    ['0' - ' '] = {12, "~0o~06~c6~co@"},
    ['1' - ' '] = {6, "0k6o66"},
    ['2' - ' '] = {12, "0k~0o6o~cock~cg06c6"},
    ['3' - ' '] = {12, "0k~0o6o~co~cg6g~cg~c666~060a"},
    ['4' - ' '] = {12, "868o0aca"},
    ['5' - ' '] = {12, "ao0o0g6g~cg~c666~060a"},
    ['6' - ' '] = {12, "am~8o6o~0o0c;6g~0g~0666~c6~cg@"},
    ['7' - ' '] = {12, "0oco46"},
    ['8' - ' '] = {12, "6g~0g~0666~c6~cg@;6o~0o~0g6g~cg~co@"},
    ['9' - ' '] = {12, "28~4666~c6ci;6e~ce~co6o~0o~0e@"},
    [':' - ' '] = {0, "0606;0g0g"},
    [';' - ' '] = {2, "2804;2g2g"},
    ['<' - ' '] = {10, "ak0ea8"},
    ['=' - ' '] = {12, "0ici;0aca"},
    ['>' - ' '] = {10, "0kae08"},
    ['?' - ' '] = {10, "0k~0o6o~aoak~ag4e4c;4646"},
    ['@' - ' '] = {16, "~6i~6a~ca~ci@;cicc~c8e8~g8ge~go8o~0o~0686c6"},
    ['A' - ' '] = {14, "067oe6;2bcb"},
    ['B' - ' '] = {12, "060o6o~ao~ag6g0g;6g~cg~c66606"},
    ['C' - ' '] = {12, "ck~co6o~0o~0666~c6ca"},
    ['D' - ' '] = {12, "060o4o~co~c64606"},
    ['E' - ' '] = {10, "ao0o06a6;0g8g"},
    ['F' - ' '] = {10, "ao0o06;0g8g"},
    ['G' - ' '] = {12, "ck~co6o~0o~0666~c6cace8e"},
    ['H' - ' '] = {12, "060o;c6co;0gcg"},
    ['I' - ' '] = {0, "060o"},
    ['J' - ' '] = {8, "8o8c~8646~060a"},
    ['K' - ' '] = {12, "060o;co0c;4gc6"},
    ['L' - ' '] = {10, "0o06a6"},
    ['M' - ' '] = {16, "060o8agog6"},
    ['N' - ' '] = {12, "060oc6co"},
    ['O' - ' '] = {14, "~0o~06~e6~eo@"},
    ['P' - ' '] = {12, "060o6o~co~ce6e0e"},
    ['Q' - ' '] = {14, "~0o~06~e6~eo@;9be5"},
    ['R' - ' '] = {12, "060o6o~co~ce6e0e;6ec6"},
    ['S' - ' '] = {12, "ck~co6o~0o~0g6g~cg~c666~060a"},
    ['T' - ' '] = {12, "0oco;6o66"},
    ['U' - ' '] = {12, "0o0c~0666~c6ccco"},
    ['V' - ' '] = {12, "0o66co"},
    ['W' - ' '] = {16, "0o468kc6go"},
    ['X' - ' '] = {12, "06co;0oc6"},
    ['Y' - ' '] = {12, "0o6eco;6e66"},
    ['Z' - ' '] = {12, "0oco06c6"},
    ['[' - ' '] = {4, "4q0q0444"},
    ['\\' - ' '] = {8, "0q84"},
    [']' - ' '] = {4, "0q4q4404"},
    ['^' - ' '] = {8, "0k4o8k"},
    ['_' - ' '] = {12, "04c4"},
    ['`' - ' '] = {2, "0o2k"},
    ['a' - ' '] = {10, "6i~0i~0666~a6~ai@;aia6"},
    ['b' - ' '] = {10, "0o06;4i~ai~a646~06~0i@"},
    ['c' - ' '] = {10, "ag~ai6i~0i~0666~a6a8"},
    ['d' - ' '] = {10, "aoa6;6i~0i~0666~a6~ai@"},
    ['e' - ' '] = {10, "0cac~ai6i~0i~0666~a6a8"},
    ['f' - ' '] = {6, "6o~2o2k26;0i6i"},
    ['g' - ' '] = {10, "6i~0i~0666~a6~ai@;aia4~a060~0002"},
    ['h' - ' '] = {10, "0o06;0c~0i6i~aiaca6"},
    ['i' - ' '] = {0, "0i06;0m0m"},
    ['j' - ' '] = {4, "4i44~4000;4m4m"},
    ['k' - ' '] = {10, "0o06;8i0a;4ea6"},
    ['l' - ' '] = {2, "0o08~0626"},
    ['m' - ' '] = {16, "0i06;0c~0i4i~8i8c86;8c~8ici~gigcg6"},
    ['n' - ' '] = {10, "0i06;0c~0i6i~aiaca6"},
    ['o' - ' '] = {10, "~0i~06~a6~ai@"},
    ['p' - ' '] = {10, "0i00;4i~ai~a646~06~0i@"},
    ['q' - ' '] = {10, "aia0;6i~0i~0666~a6~ai@"},
    ['r' - ' '] = {6, "0i06;0c~0i6i"},
    ['s' - ' '] = {10, "ag~ai4i~0i~0c4c6c~ac~a646~0608"},
    ['t' - ' '] = {6, "2m2a~2666;0i6i"},
    ['u' - ' '] = {10, "0i0c~0646~a6ac;aia6"},
    ['v' - ' '] = {10, "0i56ai"},
    ['w' - ' '] = {16, "0i468ec6gi"},
    ['x' - ' '] = {10, "06ai;0ia6"},
    ['y' - ' '] = {10, "0i56;ai56~3000"},
    ['z' - ' '] = {10, "0iai06a6"},
    ['{' - ' '] = {6, "6q~2q2k~2g0e~2e28~2464"},
    ['|' - ' '] = {0, "0q02"},
    ['}' - ' '] = {6, "0q~4q4k~4g6e~4e48~4404"},
    ['~' - ' '] = {12, "0c~2i6e~aacg"},
    [MISSING] = {12, "060ococ6@"},
};
/* clang-format on */

/* ------------------------------------------------------------------ which glyph */

static const struct glyph *find_glyph(uint32_t c)
{
    /* U+00C0 ... U+00FF without their accents. */
    static const char latin1[] = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYPsaaaaaaaceeeeiiiidnooooo/ouuuuypy";
    static const struct {
        uint16_t code;
        char like;
    } others[] = {{0x00A0, ' '}, {0x00B7, '.'},  {0x2010, '-'},  {0x2011, '-'}, {0x2012, '-'}, {0x2013, '-'},
                  {0x2014, '-'}, {0x2018, '\''}, {0x2019, '\''}, {0x201C, '"'}, {0x201D, '"'}};
    if (c >= 0xC0 && c <= 0xFF)
        c = (uint32_t)latin1[c - 0xC0];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (c == others[i].code)
            c = (uint32_t)others[i].like;
    if (c == '\t' || c == '\n' || c == '\r')
        c = ' ';
    return &glyphs[c >= FIRST && c < FIRST + MISSING ? c - FIRST : MISSING];
}

int rfa_font_width(uint32_t code_point)
{
    return find_glyph(code_point)->width;
}

/* The accents that stand as characters of their own, U+0300 ... U+036F; two bytes each. */
static size_t skip_combining(const uint8_t *p, size_t length, size_t at)
{
    while (at + 1 < length && ((p[at] == 0xCC && p[at + 1] >= 0x80 && p[at + 1] <= 0xBF) ||
                               (p[at] == 0xCD && p[at + 1] >= 0x80 && p[at + 1] <= 0xAF)))
        at += 2;
    return at;
}

static uint32_t decode(const char *text, size_t length, size_t *at)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t c = p[(*at)++];
    if (c < 0x80)
        return c;
    int more = c >= 0xF0 && c < 0xF8 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    if (more == 0 || c >= 0xF8)
        return 0xFFFD;
    c &= 0x3Fu >> more;
    for (; more > 0; more--) {
        if (*at >= length || (p[*at] & 0xC0) != 0x80)
            return 0xFFFD;
        c = c << 6 | (p[(*at)++] & 0x3F);
    }
    return c;
}

uint32_t rfa_utf8_next(const char *text, size_t length, size_t *at)
{
    uint32_t c = decode(text, length, at);
    *at = skip_combining((const uint8_t *)text, length, *at);
    return c;
}

/* ------------------------------------------------------------------ strokes to lines */

struct point {
    float x, y;
};

struct pen {
    struct rfa_font_outline *out;
    struct point start, at, control;
    int has_start, has_control;
};

static struct point between(struct point a, struct point b)
{
    return (struct point){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

static void line_to(struct pen *pen, struct point p)
{
    struct rfa_font_outline *out = pen->out;
    if (out->count < RFA_FONT_POINTS)
        out->line[out->count++] = (struct rfa_font_line){pen->at.x, pen->at.y, p.x, p.y};
    pen->at = p;
}

static void curve_to(struct pen *pen, struct point p)
{
    struct point from = pen->at, c = pen->control;
    for (int i = 1; i <= STEPS; i++) {
        float t = (float)i / STEPS, s = 1 - t;
        line_to(pen, (struct point){s * s * from.x + 2 * s * t * c.x + t * t * p.x,
                                    s * s * from.y + 2 * s * t * c.y + t * t * p.y});
    }
    pen->has_control = 0;
}

static void put_point(struct pen *pen, struct point p, int is_control, struct point last)
{
    if (!pen->has_start) { /* a stroke of control points alone starts half way between its last and first */
        pen->start = pen->at = is_control ? between(last, p) : p;
        pen->has_start = 1;
        if (!is_control)
            line_to(pen, p); /* a stroke of one point is a dot */
    } else if (pen->has_control) {
        curve_to(pen, is_control ? between(pen->control, p) : p);
    } else if (!is_control) {
        line_to(pen, p);
    }
    if (is_control) {
        pen->control = p;
        pen->has_control = 1;
    }
}

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static struct point read_point(const char *s)
{
    return (struct point){(float)digit(s[0]), (float)digit(s[1])};
}

void rfa_font_outline(struct rfa_font_outline *outline, uint32_t code_point)
{
    const struct glyph *glyph = find_glyph(code_point);
    struct pen pen = {.out = outline};
    outline->count = 0;
    outline->width = glyph->width;
    for (const char *s = glyph->strokes; *s;) {
        if (*s == ';' || *s == '@') {
            if (*s == '@')
                put_point(&pen, pen.start, 0, pen.start);
            pen.has_start = pen.has_control = 0;
            s++;
            continue;
        }
        int is_control = *s == '~';
        s += is_control;
        const char *end = s + strcspn(s, ";@"); /* the stroke's last point stands before it */
        put_point(&pen, read_point(s), is_control, read_point(end - 2));
        s += 2;
    }
}
