"""Tools of dates, times and calendars."""

from __future__ import annotations

from processors.tools import programs
from processors.tools.spec import Fails, Missing, Spec, pick, some, whole
from processors.tools.wording import days_from

DATE = {"type": "string", "format": "date"}
TITLES = ("dentist", "team lunch", "budget review", "piano lesson", "project kick-off", "parents' evening", "car service", "book club")
LABELS = ("pasta", "tea", "laundry", "workout", "eggs", "nap", "bread", "meeting break")
TIMES = tuple(f"{hour:02d}:{minute}" for hour in range(8, 20) for minute in ("00", "15", "30", "45"))
WRONG_DATES = ("2023-02-29", "2024-02-30", "2025-04-31", "2024-06-31", "2023-09-31", "2025-11-31")


def day(rng, state):  # type: ignore[no-untyped-def]
    return days_from(state["today"], whole(rng, -3_000, 1_500))


def _soon(rng, state):  # type: ignore[no-untyped-def]
    return days_from(state["today"], whole(rng, 1, 60))


def _draw_event(rng, state):  # type: ignore[no-untyped-def]
    taken = {event["time"] for event in state["events"]}
    found = {"title": pick(rng, TITLES), "date": _soon(rng, state), "time": pick(rng, [time for time in TIMES if time not in taken])}
    people = [name.split()[0] for name in state["contacts"]]
    return {**found, "attendees": some(rng, people, 1, 3)} if rng.random() < 0.5 else found


SPECS = (
    Spec(
        "days_between",
        "dates",
        ("Counts the days from one date to another.", "Number of days between two dates (negative when the second is earlier)."),
        {"start_date": {**DATE, "description": "First date, YYYY-MM-DD"}, "end_date": {**DATE, "description": "Second date, YYYY-MM-DD"}},
        programs.days_between,
        lambda rng, state: (lambda first: {"start_date": first, "end_date": days_from(first, whole(rng, 2, 900))})(day(rng, state)),
        (
            "count the days from {start_date|date} to {end_date|date}",
            "tell me how many days lie between {start_date|date} and {end_date|date}",
            "work out the number of days between {start_date|date} and {end_date|date}",
        ),
        (
            "There are {days|#day} from {start_date|date} to {end_date|date}.",
            "It is {days|#day}.",
            "{days|#day} lie between the two dates.",
        ),
        (
            "How many days are there between {start_date|date} and {end_date|date}?",
            "How long is it from {start_date|date} to {end_date|date}?",
        ),
        missing=Missing(
            "end_date",
            ("count the days since {start_date|date}", "work out how many days a project takes that starts on {start_date|date}"),
            ("Until which end date should I count?", "What is the end date?"),
            ("Until {end_date|date}.", "The last day is {end_date|date}."),
        ),
        fails=Fails(
            lambda rng, state: {"start_date": pick(rng, WRONG_DATES[:2]), "end_date": pick(rng, ("2025-08-01", "2025-12-24"))},
            (
                "That did not work: {error}. Could you check the first date?",
                "The first date, {start_date}, does not exist in the calendar. Which day did you mean?",
            ),
        ),
        names=("date_difference", "calendar.days_between"),
        arguments={"start_date": ("from_date", "start"), "end_date": ("until_date", "end")},
    ),
    Spec(
        "add_days",
        "dates",
        ("Gives the date a number of days after (or, when negative, before) a date.", "Date arithmetic: adds days to a date."),
        {"date": {**DATE, "description": "Date to start from, YYYY-MM-DD"}, "days": {"type": "integer", "description": "Days to add"}},
        programs.add_days,
        lambda rng, state: {"date": day(rng, state), "days": whole(rng, 3, 400)},
        (
            "find the date {days|#day} after {date|date}",
            "tell me which date it is {days|#day} after {date|date}",
            "add {days|#day} to {date|date}",
        ),
        ("{days|#day} after {date|date} is {result_date|date}.", "It is {result_date|date}.", "The date is {result_date|date}."),
        ("What date is {days|#day} after {date|date}?", "If I start on {date|date}, what date is it {days|#day} later?"),
        missing=Missing(
            "days",
            ("add some days to {date|date}", "give me a later date, starting from {date|date}"),
            ("How many days should I add?", "How many days later?"),
            ("{days|#day}.", "Make it {days|#day}."),
        ),
        names=("date_add", "calendar.add_days"),
        arguments={"date": ("start_date",), "days": ("num_days", "offset_days")},
    ),
    Spec(
        "weekday",
        "dates",
        ("Tells the day of the week of a date.", "Weekday of a calendar date."),
        {"date": {**DATE, "description": "Date, YYYY-MM-DD"}},
        programs.weekday,
        lambda rng, state: {"date": day(rng, state)},
        (
            "tell me the weekday of {date|date}",
            "find out what day of the week {date|date} is",
            "look up the day of the week for {date|date}",
        ),
        ("{date|date} is a {weekday}.", "It is a {weekday}.", "That day is a {weekday}."),
        ("What day of the week is {date|date}?", "Which weekday does {date|date} fall on?"),
        missing=Missing(
            "date",
            ("tell me which weekday it is", "look up a day of the week for me"),
            ("For which date?", "Which date do you mean?"),
            ("{date|date}.", "For {date|date}."),
        ),
        fails=Fails(
            lambda rng, state: {"date": pick(rng, WRONG_DATES)},
            (
                "There is no such day: {error}. Did you mean another one?",
                "{date} does not exist in the calendar, so it has no weekday. Please check the date.",
            ),
        ),
        names=("day_of_week", "getWeekday"),
        arguments={"date": ("day",)},
    ),
    Spec(
        "leap_year",
        "dates",
        ("Tells whether a year is a leap year.", "Leap year test for the Gregorian calendar."),
        {"year": {"type": "integer", "description": "Year"}},
        programs.leap_year,
        lambda rng, state: {"year": whole(rng, 1_890, 2_110)},
        ("check whether {year} is a leap year", "find out if {year} is a leap year", "tell me if {year} is a leap year"),
        ("{year} {is_leap_year|leap}.", "According to the calendar, {year} {is_leap_year|leap}."),
        ("Is {year} a leap year?", "Was or will {year} be a leap year?"),
        missing=Missing(
            "year",
            ("check whether it is a leap year", "do a leap year test for me"),
            ("Which year should I check?", "For which year?"),
            ("{year}.", "The year {year}."),
        ),
        names=("is_leap_year", "calendar.isLeapYear"),
        arguments={"year": ("calendar_year",)},
    ),
    Spec(
        "month_length",
        "dates",
        ("Gives the number of days of a month.", "How many days a month of a given year has."),
        {
            "year": {"type": "integer", "description": "Year"},
            "month": {"type": "integer", "minimum": 1, "maximum": 12, "description": "Month, 1 to 12"},
        },
        programs.month_length,
        lambda rng, state: {"year": whole(rng, 1_990, 2_040), "month": whole(rng, 1, 12)},
        (
            "tell me how many days {month|month} {year} has",
            "count the days of {month|month} {year}",
            "look up how long {month|month} {year} is",
        ),
        ("{month|month} {year} has {num_days|#day}.", "It has {num_days|#day}."),
        ("How many days does {month|month} {year} have?", "How many days are there in {month|month} {year}?"),
        names=("days_in_month", "calendar.month_length"),
        arguments={"month": ("month_number",)},
    ),
    Spec(
        "set_timer",
        "dates",
        ("Starts a timer and tells when it ends.", "Sets a kitchen timer."),
        {
            "minutes": {"type": "integer", "description": "Minutes until it rings, from 1 to 1440"},
            "label": {"type": "string", "description": "What it is for", "default": "timer"},
        },
        programs.set_timer,
        lambda rng, state: {"minutes": whole(rng, 2, 120), **({"label": pick(rng, LABELS)} if rng.random() < 0.6 else {})},
        (
            "set a timer for {minutes|#minute}",
            "start a {minutes}-minute timer",
            "set a timer named {label|quoted} for {minutes|#minute}",
            "start a timer of {minutes|#minute} with the label {label|quoted}",
        ),
        (
            "The timer is running and ends at {ends_at}.",
            "Done. Your timer rings at {ends_at}.",
            "The timer for {minutes|#minute} ends at {ends_at}.",
            "I have set it; it goes off at {ends_at}.",
        ),
        optional=("label",),
        missing=Missing(
            "minutes",
            ("set a timer", "start a timer for me"),
            ("For how many minutes?", "How many minutes should it run?"),
            ("{minutes|#minute}.", "Make it {minutes|#minute}."),
        ),
        fails=Fails(
            lambda rng, state: {"minutes": whole(rng, 1_441, 4_000)},
            (
                "A timer cannot run for {minutes} minutes: {error}. Shall I set a shorter one?",
                "That is too long for a timer, which takes at most 1440 minutes. How long should it be instead?",
            ),
        ),
        state=("now",),
        names=("timer.start", "startTimer"),
        arguments={"minutes": ("duration_minutes",), "label": ("name",)},
    ),
    Spec(
        "create_event",
        "dates",
        ("Puts an event into the user's calendar.", "Creates a calendar entry."),
        {
            "title": {"type": "string", "description": "Title of the event"},
            "date": {**DATE, "description": "Date, YYYY-MM-DD"},
            "time": {"type": "string", "description": "Start time, HH:MM on a 24-hour clock"},
            "attendees": {"type": "array", "items": {"type": "string"}, "description": "First names of who is invited"},
        },
        programs.create_event,
        _draw_event,
        (
            "put {title|quoted} into my calendar on {date|date} at {time}",
            "create an event {title|quoted} on {date|date} at {time}",
            "schedule {title|quoted} for {date|date} at {time} with {attendees}",
            "create an event called {title|quoted} at {time} on {date|date} and invite {attendees}",
        ),
        (
            "{title|quoted} is in your calendar for {date|date} at {time}.",
            "Done, the event has been created with the number {event_id}.",
            "I have added it: {title|quoted}, {date|date}, {time}.",
        ),
        optional=("attendees",),
        missing=Missing(
            "time",
            ("put {title|quoted} into my calendar on {date|date}", "schedule {title|quoted} for {date|date}"),
            ("At what time should it start?", "What time does it begin?"),
            ("At {time}.", "{time}, please."),
        ),
        fails=Fails(
            lambda rng, state: {"title": pick(rng, TITLES), "date": state["events"][0]["date"], "time": state["events"][0]["time"]},
            (
                "I could not create {title|quoted}: {error}. Should I look for another time?",
                "That time is taken ({error}). When else would suit you?",
            ),
        ),
        state=("events",),
        names=("calendar.create_event", "addCalendarEvent"),
        arguments={"title": ("event_title", "subject"), "time": ("start_time",), "attendees": ("guests", "participants")},
    ),
)
