from bigmodel.check import grader


@grader(hint="multiply by two.", why="Doubling is the first step of everything.")
def doubled(answer):
    for value in (1, 3):
        if answer(value) != 2 * value:
            return f"for {value} your answer is {answer(value)}, expected {2 * value}."
    return None


def raises(error):
    def answer(value):
        raise error

    return answer


def said(capsys, answer):
    doubled(answer)
    return capsys.readouterr().out


def test_a_stub_gets_a_hint(capsys):
    assert said(capsys, raises(NotImplementedError())) == "Not tried yet. Hint: multiply by two.\n"


def test_a_wrong_answer_gets_a_counter_example(capsys):
    assert said(capsys, lambda value: value + 1) == "✗ for 3 your answer is 4, expected 6.\n"


def test_an_answer_that_fails_is_told_how(capsys):
    assert said(capsys, raises(ZeroDivisionError("division by zero"))) == (
        "✗ Your answer stopped with ZeroDivisionError: division by zero\n"
    )


def test_a_right_answer_gets_the_reason_why_it_matters(capsys):
    assert said(capsys, lambda value: value * 2) == "✓ Doubling is the first step of everything.\n"
