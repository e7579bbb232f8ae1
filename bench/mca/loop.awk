# Prints the hot loop of a kernel's assembly: of the innermost loops with at least `least` multiplications the densest. Tiles with fewer rows have
# fewer, and preparations are less dense. `pattern`: what counts as a multiplication.
/^[.A-Za-z_][A-Za-z0-9_.]*:/ {
    label = $1
    sub(/:.*/, "", label)
    begins[label] = count + 1
    next
}
/^\t[a-z{]/ {
    line[++count] = $0
    if ($1 ~ /^(j[a-z]+|b|b\.[a-z]+|b[a-z][a-z]|cbn?z|tbn?z)$/ && ($NF in begins) && begins[$NF] > last_back) {
        multiplications = 0
        for (i = begins[$NF]; i <= count; i++)
            multiplications += line[i] ~ pattern
        density = multiplications / (count - begins[$NF] + 1)
        if (multiplications >= least && density > densest) {
            densest = density
            first = begins[$NF]
            last = count
        }
        last_back = count
    }
}
END {
    for (i = first; i <= last; i++)
        print line[i]
}
