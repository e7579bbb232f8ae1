/* Detections that are persons on one side alone: the first of equal scores decides, margins are person minus the best
 * other score. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persons.h"

enum { CLASSES = 3 };

static void changed_decisions(void **state)
{
    (void)state;
    const float left[][CLASSES] = {{0, 3, 1}, {2, 2, 0}, {5, 1, 1}, {0, 2, 1}},
                right[][CLASSES] = {{0, 2, 1}, {2, 3, 0}, {4, 1, 1}, {0, 2, 4}};
    struct rfa_person_change change[4];
    assert_int_equal(rfa_persons_compare(change, left[0], right[0], 4, CLASSES, 1), 2);
    assert_int_equal(change[0].detection, 1); /* a tie that class 0 wins, then not */
    assert_true(!change[0].person[0] && change[0].person[1]);
    assert_true(change[0].margin[0] == 0 && change[0].margin[1] == 1);
    assert_int_equal(change[1].detection, 3);
    assert_true(change[1].person[0] && !change[1].person[1]);
    assert_true(change[1].margin[0] == 1 && change[1].margin[1] == -2);
}

static void person_is_the_first_class(void **state)
{
    (void)state;
    const float left[CLASSES] = {1, 1, 0}, right[CLASSES] = {1, 1.5f, 0};
    struct rfa_person_change change[1];
    assert_int_equal(rfa_persons_compare(change, left, left, 1, CLASSES, 0), 0);
    assert_int_equal(rfa_persons_compare(change, left, right, 1, CLASSES, 0), 1);
    assert_true(change[0].person[0] && !change[0].person[1] && change[0].margin[1] == -0.5);
}

static void one_class_alone(void **state)
{
    (void)state;
    const float left[] = {1}, right[] = {2};
    struct rfa_person_change change[1];
    assert_int_equal(rfa_persons_compare(change, left, right, 1, 1, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_decisions),
        cmocka_unit_test(person_is_the_first_class),
        cmocka_unit_test(one_class_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
