"""What words tell: tables of what people say on the telephone, as recognizers write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.conversation.words import (
    Expectation,
    expectation,
    is_backchannel,
    is_farewell,
    is_unfinished,
    looks_complete,
    same_words,
    words,
)

BACKCHANNELS = """
uh-huh
Uh huh.
uh-huh, uh-huh
mhm
Mm-hmm.
mm hmm
mmhmm
Hmm.
okay
Okay.
OK
O.K.
ok, ok
okay okay okay
yeah
Yeah.
yeah yeah
Yeah, right.
yep
yup
Right.
right, right
sure
I see.
I see, okay
oh I see
oh, okay
ah okay
Oh.
ah
Aha!
got it
Okay, got it.
gotcha
Great.
great, thanks
cool
Nice.
alright
all right
All right.
good
very good
fine
that's fine
I understand
understood
makes sense
of course
exactly
absolutely
Wow!
really
indeed
oh wow
no problem
um
thank you
Thanks.
""".strip().splitlines()

NOT_BACKCHANNELS = """
no
No.
nope
no no
wait
Wait.
hold on
stop
Stop, stop.
hang on
sorry
Sorry?
excuse me
hello
Hello?
what
What?
pardon
why
how
okay but
okay so
okay, and the price
yeah but wait
right now
okay stop
no thanks
no, thank you
no problem but
actually
well actually
yes I want that
yes please book it
one moment
just a second
I have a question
question
can I ask something
how much
what time
fine wait
okay no
really?
right?
okay?
goodbye
bye
help
operator
Ann
tomorrow
two
seven thirty
cancel
cancel it
not that one
the other one
never mind

...
""".strip("\n").splitlines()

FAREWELLS = """
bye
Bye.
Bye!
bye bye
bye-bye
Bye-bye.
Bye, bye, bye.
goodbye
Goodbye.
good-bye
Good bye.
good bye now
bye now
Bye for now.
okay bye
Okay, bye.
ok bye bye
okay, thanks, bye
Okay, thank you, goodbye.
thanks, bye
Thank you. Bye.
thank you so much, goodbye
thank you very much bye bye
all right, bye
Alright then, bye bye.
great, see you then
See you.
see you later
See you tomorrow.
see you soon
See you tomorrow, bye!
talk to you later
Talk to you soon.
talk to you tomorrow
have a nice day
Have a great day!
You have a good day.
You too, have a nice weekend.
have a good one
have a good night
Have a lovely evening, bye.
that's all
That's all, thanks.
that's all thank you
That is all, thank you.
that will be all
That'll be all.
that's it, thanks, bye
No, that's all.
no that's all thank you
No thanks, bye.
No, thank you. Goodbye.
nope that's everything, bye
good night
Good night!
You can hang up now.
I have to go now, bye
I gotta go, bye.
I'll call back later, bye
cheers, bye
perfect, thanks so much, bye bye
that's all I needed, thank you
That's all for today.
take care, bye
Take care.
farewell
no more questions, goodbye
Thanks for your help, bye.
Thank you for your time. Have a nice day.
I'll take the blue one then. Bye.
Yes, Tuesday at nine is perfect, thank you, bye bye.
That's all good, thank you, bye.
""".strip().splitlines()

NOT_FAREWELLS = """
before we say goodbye, one question
Before you hang up, what are your hours?
before I go, bye the way
don't hang up
Don't hang up!
please do not hang up
Do not hang up yet.
did you just hang up
Are you going to hang up?
you hung up on me
someone hung up on me, why did you hang up
I want to buy a ticket
buy
Buy.
by
by the way
stand by
I said goodbye to my old phone
I said goodbye to my job last week
my wife said bye and left
she said bye
He told me bye and I want to complain
we said our goodbyes
how do I say goodbye in French
How do you spell goodbye?
what does bye mean
is that all
Is that all?
that's all I have on my card, can I still pay
that's all right
That's all right, go on.
that's all very nice but I need help
that's all wrong
That's all I know about it.
that's all well and good
is that all you can do
I'd like to see you tomorrow at three
Can I see you tomorrow?
I will see you tomorrow at nine then about the car
can I talk to you later
I need to talk to you soon about my bill
May I talk to you later about it?
they told me to have a good day and hung up
I'd like a room for a good night's sleep
I want to have a good day there
Bye bye birdie, two tickets please
two tickets for bye bye birdie
the movie is called goodbye
my name is Goodbye
wait, goodbye what
Wait, don't say bye
one more thing before goodbye
bye, oh wait
bye wait one more question
not bye
I'm not saying goodbye yet
no not goodbye
good morning
Hello.
thank you
thanks
okay
no
never say goodbye
the good byeline
I'm buying a house
hi bye you there?
goodbye?
I missed the bye week
Do you want me to hang up?
should I hang up
shall I hang up and call again
If I hang up now will I lose my place
I have to hang up the picture
He said, bye.
Please don't say, goodbye.
Wait, bye.
my band is called, bye bye
""".strip().splitlines()

UNFINISHED = """
and
And um
I would like to
I'd like to
I want to book a
I want a table for
my name is
My name is
my name's
My number is
my phone number is
it's
It's um
the
because
I need it because
but
so
so, um
well
I was wondering if
I was wondering if you could
can you
Could you
and then the
I'm looking for a
I'm calling about the
for
from
between two and
on the
at
with my
what about the
I think
I guess
let me
let me see
Let me think
I mean
you know
the address is
my email is
it is my
please send it to
I'd
I'll
I'm
uh
um
I want to go to the,
my card number, it's-
My name is...
I don't know but…
I need two or
a
every
this is
it costs about
""".strip().splitlines()

FINISHED = """
yes
No.
I do
I did.
yes I am
Yes, it is.
I think it was.
I can
Yes, we are.
they have
Yes please.
yes please
no please
come in
Come on.
hold on
log in
I can't log in
I would not
I do not
what for
What for?
where are you from?
Where from?
What are you looking for
that's what I'm looking for
that's all I was asking for
who am I talking to
what is this about?
What's it about?
thank you very
thank you very much
I'd like a table for two
A table for two, please.
please
Tomorrow at seven
It's John
My name is John Smith.
my name is Ann
five five five one two
I think so
I think so.
I hope so
not really
No, not really.
not yet
Yes, very.
I already did
I guess so
is that it
that's it
I like it
is it open
I don't know
you know it
So what?
What is it?
and you
how are you
Is it far
How much is it?
I want that one
is that you
could you please
Can I?
where is he at
turn it on
Turn it off
I'm in
a lot
let me in
""".strip().splitlines()


@pytest.mark.parametrize("text", BACKCHANNELS)
def test_acknowledgments(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", NOT_BACKCHANNELS)
def test_no_acknowledgments(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", FAREWELLS)
def test_farewells(text: str) -> None:
    assert is_farewell(text)


@pytest.mark.parametrize("text", NOT_FAREWELLS)
def test_no_farewells(text: str) -> None:
    assert not is_farewell(text)


@pytest.mark.parametrize("text", UNFINISHED)
def test_unfinished(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize("text", FINISHED)
def test_finished(text: str) -> None:
    assert not is_unfinished(text)


ASKED = {
    Expectation.NUMBER: """
What is your phone number?
Could you give me your telephone number, please?
And your zip code?
What's the best number to reach you?
May I have your account number?
Please tell me your reference number.
What is your date of birth?
When is your birthday?
Thanks. What's your postal code?
Can you read me the sixteen digits on your card?
Please enter your PIN.
What is your account number, Mr. Smith?
Thank you, Mr. Smith. And what is your number, please? Take your time.
""",
    Expectation.ADDRESS: """
What is your e-mail address?
Could you tell me your email?
What's your address?
May I have your email address, please?
Which website was it?
Please tell me your street address.
""",
    Expectation.SPELLING: """
Could you spell that for me?
How do you spell your last name?
May I have your full name, please?
What's your last name?
Can I have your name?
Please spell it letter by letter.
""",
    Expectation.ANYTHING: """
How can I help you?
Hello.
Your phone number is 555 1234.
I have your email address.
Anything else?
Do you mean tomorrow?
How many people?
Great.

Would you like a table inside or outside?
Your name is on the list.
Is there a number of things that you dislike?
I sent you an email. Did it arrive?
""",
}


@pytest.mark.parametrize(
    ("expected", "text"),
    [(kind, text) for kind, texts in ASKED.items() for text in texts.strip("\n").splitlines()],
)
def test_what_the_agent_asks_for(expected: Expectation, text: str) -> None:
    assert expectation(text) is expected


COMPLETE = {
    Expectation.ANYTHING: ["yes", "", "I would like to"],
    Expectation.NUMBER: [
        "555 123 4567",
        "(555) 123-4567",
        "+1 555 123 4567",
        "five five five one two three four five six seven",
        "double five five one two three four five six seven",
        "it's 5551234567",
        "I don't know it",
        "I don't have one",
        "why do you need that",
        "no sorry I forgot",
    ],
    Expectation.ADDRESS: [
        "john at example dot com",
        "john@example.com",
        "It's john@example.co.uk.",
        "john dot smith at mail dot org",
        "www.example.com",
        "twelve High Street in Springfield",
        "I don't have an email",
    ],
    Expectation.SPELLING: ["John Smith", "My name is John Smith.", "I'd rather not say"],
}
INCOMPLETE = {
    Expectation.ANYTHING: [],
    Expectation.NUMBER: [
        "555",
        "555 123",
        "five five five",
        "it's five five five one two",
        "um",
        "yes it's",
        "sure",
    ],
    Expectation.ADDRESS: ["john", "john at", "john at example", "it's j o h n", "john dot"],
    Expectation.SPELLING: ["j", "J-O-H", "s m i t", "Smith s m i", "um"],
}


@pytest.mark.parametrize(
    ("expected", "text"), [(kind, text) for kind, texts in COMPLETE.items() for text in texts]
)
def test_whole_answers(expected: Expectation, text: str) -> None:
    assert looks_complete(text, expected)


@pytest.mark.parametrize(
    ("expected", "text"), [(kind, text) for kind, texts in INCOMPLETE.items() for text in texts]
)
def test_parts_of_answers(expected: Expectation, text: str) -> None:
    assert not looks_complete(text, expected)


SAME = [
    ("Hello, there!", "hello there"),
    ("It's fine.", "it’s fine"),
    ("uh-huh", "uh huh"),
    ("  two  words ", "Two words."),
    ("", "..."),
    ("Café, por favor", "café por favor"),
]
DIFFERENT = [
    ("hello", "hello there"),
    ("table for two", "table for three"),
    ("", "a"),
    ("its", "it's"),
    ("Müller", "Mller"),
    ("東京", "大阪"),
    ("привет", "пока"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_the_same_words(left: str, right: str) -> None:
    assert same_words(left, right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_other_words(left: str, right: str) -> None:
    assert not same_words(left, right)


@pytest.mark.parametrize("text", ["bye now " * 500 + "x", "okay " * 500, "uh " * 500 + "x"])
def test_repetitions_take_no_time(text: str) -> None:
    assert not is_farewell(text)
    assert not is_backchannel(text)


@given(st.text(max_size=80))
def test_any_text_is_judged(text: str) -> None:
    assert same_words(text, " ".join(words(text)))
    assert not (is_backchannel(text) and is_farewell(text))
    assert isinstance(is_unfinished(text), bool)
    for expected in Expectation:
        assert isinstance(looks_complete(text, expected), bool)
    assert expectation(text) in Expectation
