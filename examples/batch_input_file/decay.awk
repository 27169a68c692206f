# The program: how active is the daughter of a radioactive mother? Runge-Kutta of 4th order.
# usage: awk -f decay.awk INPUT_FILE...; lines are NAME = VALUE

$2 == "=" { given[$1] = $3 }

function rate(time, n) { # of change of the number of daughter nuclei
    return given["branching"] * lambda1 * exp(-lambda1 * time) - lambda2 * n
}

END {
    lambda1 = log(2) / given["half_life_mother"]
    lambda2 = log(2) / given["half_life_daughter"]
    step = given["half_life_daughter"] / given["steps_per_half_life"]
    n_steps = given["half_lives"] * given["steps_per_half_life"]
    print "# hours, activity of mother and daughter in units of the mother's first"
    for (i = 0; i <= n_steps; i++) {
        time = i * step
        activity = lambda2 * n / lambda1
        print time, exp(-lambda1 * time), activity
        if (activity > most) {
            most = activity
            when = time
        }
        k1 = rate(time, n)
        k2 = rate(time + step / 2, n + step / 2 * k1)
        k3 = rate(time + step / 2, n + step / 2 * k2)
        k4 = rate(time + step, n + step * k3)
        n += step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    }
    print "maximum", most, "after", when, "hours"
}
