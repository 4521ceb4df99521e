"""A reliable queue: a worker that dies with a job in its hands loses no job.

    queue                list   producers push on the left, workers take from the right
    processing:<worker>  list   what that worker has taken and not finished
    alive:<worker>       key    expires unless the worker renews it
    workers              set    whose processing lists there may be
    done                 hash   job -> the worker that has carried it out
"""

import argparse
import multiprocessing
import os
import signal
import time

import redis

PREFIX = "example:queue:"
QUEUE, WORKERS, DONE = PREFIX + "queue", PREFIX + "workers", PREFIX + "done"
JOBS = 500
LEASE_MS = 1_500
WAIT_S = 0.3  # how long a worker waits for a job before it renews its lease: much shorter than that
STOP = "stop"
LIMIT_S = 60


def processing(worker):
    return f"{PREFIX}processing:{worker}"


def alive(worker):
    return f"{PREFIX}alive:{worker}"


def work(host, port, name, dies_at):
    """Takes one job after the other, until it is told to stop, or dies with its `dies_at`th in hand."""
    client = redis.Redis(host, port, decode_responses=True)
    client.set(alive(name), 1, px=LEASE_MS)
    client.sadd(WORKERS, name)
    taken = 0
    while True:
        client.set(alive(name), 1, px=LEASE_MS)
        # Out of the queue and into the list of this worker in one step: there is no moment at which nobody has the job.
        job = client.blmove(QUEUE, processing(name), WAIT_S, "RIGHT", "LEFT")
        if job is None:
            continue
        taken += 1
        if taken == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if job != STOP:
            # A job may come twice, if its worker was only slow: the first to finish counts.
            client.hsetnx(DONE, job, name)
        client.lrem(processing(name), 1, job)
        if job == STOP:
            client.srem(WORKERS, name)
            return


def recover(client):
    """Gives back the jobs of workers whose lease has run out, to be taken next."""
    recovered = []
    for name in client.smembers(WORKERS):
        if client.exists(alive(name)):
            continue
        while (job := client.lmove(processing(name), QUEUE, "LEFT", "RIGHT")) is not None:
            recovered.append(job)
        client.srem(WORKERS, name)
    return recovered


def wait_until(condition, what):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s"
        time.sleep(0.02)


def run(client, host, port):
    spawn = multiprocessing.get_context("spawn")
    workers = {}
    for name, dies_at in (("ann", 0), ("bob", 0), ("eve", 2)):
        workers[name] = spawn.Process(target=work, args=(host, port, name, dies_at), daemon=True)
        workers[name].start()
    # All of them wait at the empty queue before the first job comes.
    wait_until(lambda: client.scard(WORKERS) == len(workers), "workers at the queue")
    victim = workers["eve"]
    for number in range(JOBS):
        client.lpush(QUEUE, f"job {number}")
    wait_until(lambda: victim.exitcode is not None, "the death of a worker")
    assert victim.exitcode == -signal.SIGKILL, victim.exitcode

    (orphan,) = client.lrange(processing("eve"), 0, -1)
    assert client.hget(DONE, orphan) is None, "nobody has done it yet"
    recovered = []
    wait_until(lambda: recovered.extend(recover(client)) or orphan in recovered, "recovery")
    wait_until(lambda: client.hlen(DONE) == JOBS, "every job done")
    others = [worker for name, worker in workers.items() if name != "eve"]
    client.lpush(QUEUE, *[STOP] * len(others))
    for worker in others:
        worker.join(LIMIT_S)
        assert worker.exitcode == 0, worker.exitcode

    done = client.hgetall(DONE)
    assert set(done) == {f"job {number}" for number in range(JOBS)}
    assert done[orphan] != "eve", "somebody else has done the job of the dead"
    assert list(done.values()).count("eve") == 1, "what it had done before stays done"
    assert client.exists(QUEUE, WORKERS, *map(processing, workers)) == 0, "empty lists and sets are gone"
    return f"{JOBS} jobs by 3 worker processes, one killed with {orphan!r} in hand, which {done[orphan]} did after recovery"


def clean(client):
    for key in client.scan_iter(PREFIX + "*"):
        client.unlink(key)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6379)
    options = parser.parse_args()
    client = redis.Redis(options.host, options.port, decode_responses=True)
    clean(client)
    begin = time.monotonic()
    try:
        shown = run(client, options.host, options.port)
    finally:
        clean(client)
    print(f"reliable queue: {shown} ({time.monotonic() - begin:.1f} s)")


if __name__ == "__main__":
    main()
