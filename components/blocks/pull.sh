own=$target/.pull
mkdir -p "$own"
chmod 0700 "$own"
exec 9> "$own/lock"
if command -v flock > /dev/null && ! flock -n 9; then
    echo "another pull is at work here" >&2
    exit 1
fi
printf '%s\n' "$never" > "$own/never"
printf '%s\n' "$indexes" > "$own/indexes"
printf '%s\n' "$times" > "$own/times"
for tool in tar zstd awk; do
    if [ -n "$format" ] && ! command -v "$tool" > /dev/null; then
        echo "no $tool here: a second look at the origin stands in for reading the indexes" >&2
        format=
    fi
done

# One question to the origin. 24 is a file that went away meanwhile, 23 one that could not be had: the others are whole.
# A full disk is told apart, since it may have room again when this pull has deleted what is gone.
ask() {
    code=0
    /usr/bin/rsync -rkt --links --omit-dir-times --timeout="$stall" --contimeout="$stall" --temp-dir="$own/tmp" \
        --8-bit-output --out-format=%n --exclude-from="$own/never" "$@" || code=$?
    case $code in
        0 | 24) ;;
        23) whole=no ;;
        11)
            full=yes whole=no
            rm -rf "$own/partial" "$own/tmp"
            mkdir "$own/tmp"
            ;;
        *) exit "$code" ;;
    esac
}

# What of a kind is other at the origin than here, as it is at one moment, into a folder that nobody reads.
stage() {
    kind=$1
    shift
    ask --modify-window=-1 --prune-empty-dirs --compare-dest="$target" --include='*/' \
        --include-from="$own/$kind" --exclude='*' "$@" "$from" "$own/next/$kind/"
}

staged() {
    (cd "$own/next/$1" && find . ! -type d)
}

# A rename: a reader has the old one or the new one.
publish() {
    mkdir -p "$target/${2%/*}" && mv -f "$own/next/$1/$2" "$target/$2"
}

# What an index of xbps names: a line for each file, with its size, or + for any.
named() {
    tar -xOf "$1" index.plist > "$own/plist" || return 1
    folder=$2 beside=$beside awk '
        function text(line) { sub(/^[^>]*>/, "", line); sub(/<.*$/, "", line); return line }
        function size(word, i, sum) {
            if (word !~ /^0x/) return word == "" ? "+" : word
            for (i = 3; i <= length(word); i++) sum = sum * 16 + index("0123456789abcdef", substr(word, i, 1)) - 1
            return sprintf("%.0f", sum)
        }
        BEGIN { endings = split(ENVIRON["beside"], ending, " ") }
        /<dict>/ { if (++depth == 2) split("", it) }
        /<\/dict>/ && depth-- == 2 {
            name = ENVIRON["folder"] it["pkgver"] "." it["architecture"] ".xbps"
            print name, size(it["filename-size"])
            for (i = 1; i <= endings; i++) print name ending[i], "+"
        }
        depth == 2 && /<key>/ { key = text($0) }
        depth == 2 && /<(string|integer)>/ { it[key] = text($0) }
    ' "$own/plist"
}

# Whether all that a staged index names is here, in its size.
complete() {
    [ ! -L "$own/next/indexes/$1" ] || return 0
    named "$own/next/indexes/$1" "" > "$own/named" || return 1
    sort -u "$own/named" > "$own/wanted"
    ls -lnL "$target/${1%/*}" 2> /dev/null | awk 'NF >= 9 && $5 > 0 { print $9, $5; print $9, "+" }' | sort > "$own/here"
    comm -23 "$own/wanted" "$own/here" > "$own/missing"
    [ -s "$own/missing" ] || return 0
    echo "${1#./} names $(wc -l < "$own/missing") files that are not here, such as $(head -n 1 "$own/missing")" >&2
    return 1
}

# The indexes that may be read: those whose files are all here. Without a format: all, if none has changed since.
publish_indexes() {
    held=no
    staged indexes > "$own/changed"
    [ -s "$own/changed" ] || return 0
    if [ -z "$format" ]; then
        stage indexes --dry-run > "$own/again"
        ! grep -v '/$' "$own/again" || { held=yes; return 0; }
    fi
    # After a power cut, too, nothing is named that is not on the disk.
    sync -f "$target" 2> /dev/null || sync
    while IFS= read -r index; do
        { [ -z "$format" ] || complete "$index"; } && publish indexes "$index" || held=yes
    done < "$own/changed"
}

published() {
    set --
    while IFS= read -r pattern; do set -- "$@" -o -name "$pattern"; done < "$own/indexes"
    shift
    (cd "$target" && find . -path ./.pull -prune -o -type f \( "$@" \) -print)
}

# What the origin has no longer, and no index here names, goes when that was so a while ago already: who read an index
# before still finds its files.
sweep() {
    now=$(date +%s)
    [ $((now - $(cat "$own/looked" 2> /dev/null || echo 0))) -ge "$keep" ] || return 0
    ask --dry-run --existing --ignore-existing --delete --out-format='%o %n' "$from" "$target/" > "$own/listing"
    published | while IFS= read -r index; do
        [ -z "$format" ] || named "$target/$index" "${index%/*}/" || exit 1
    done > "$own/named"
    sed 's|^\./||; s| [^ ]*$||' "$own/named" | sort -u > "$own/kept"
    sed -n 's/^del\. //p' "$own/listing" | sort | comm -23 - "$own/kept" > "$own/gone.now"
    gone=$(wc -l < "$own/gone.now")
    if [ "$gone" -gt 100 ] && [ $((gone * 100)) -gt $(($(find "$target" | wc -l) * most_gone)) ]; then
        echo "$gone files are no longer at the origin, more than $most_gone % of all: nothing is deleted" >&2
        exit 1
    fi
    if [ -e "$own/gone" ]; then
        comm -12 "$own/gone" "$own/gone.now" | sort -r | while IFS= read -r path; do
            case $path in
                */) rmdir "$target/$path" 2> /dev/null || : ;;
                *) rm -f "$target/$path" ;;
            esac
        done
    fi
    mv "$own/gone.now" "$own/gone"
    echo "$now" > "$own/looked"
}

# The times first and the indexes next, then what they name; so none is newer than the files that come after.
round() {
    began=$(date +%s) whole=yes full=no
    rm -rf "$own/next" "$own/tmp"
    mkdir -p "$own/next/times" "$own/next/indexes" "$own/tmp"
    [ -z "$times" ] || stage times > /dev/null
    if [ -z "$indexes" ]; then
        held=no
        ask --exclude-from="$own/times" --delete-after --delay-updates "$from" "$target/"
        return
    fi
    stage indexes > /dev/null
    ask --force --exclude-from="$own/times" --exclude-from="$own/indexes" --partial-dir="$own/partial" "$from" "$target/"
    publish_indexes
}

try=1
round
while [ "$held$full" = yesno ] && [ "$try" -lt "$tries" ]; do
    try=$((try + 1))
    round
done
[ -z "$indexes" ] || sweep
if [ "$whole$held" != yesno ]; then
    echo "not whole: what readers have stays as it was" >&2
    exit 1
fi
staged times > "$own/changed"
while IFS= read -r file; do publish times "$file"; done < "$own/changed"
rm -rf "$own/partial"
echo "$series $began" > "$own/record"
mv -f "$own/record" "$target/$record"
