source=$1
own=${library%/*}/making-$$
copy=$own/${source##*/}
made=$own/${library##*/}
trap 'rm -rf "$own"' EXIT
rm -rf "$own"
mkdir "$own" || exit 1
for attempt in 1 2 3 4 5; do
    cat "$source" >"$copy"
    cat "$source" >"$own/again"
    if [ -s "$copy" ] && cmp -s "$copy" "$own/again"; then break; fi
    sleep 0.1
done
grep -q '@begin' "$copy" || tuner=
count=$#
for word; do
    case $word in
    "$source") word=$copy ;;
    "$library") word=$made ;;
    # The precompiled headers know of no debug information, which Jittor's script needs.
    -include*) [ -z "$tuner" ] || continue ;;
    esac
    set -- "$@" "$word"
done
shift "$count"
if [ -n "$tuner" ]; then
    PYTHON "$tuner" "--cc_path=$compiler" "$@"
else
    "$compiler" "$@"
fi || exit 1
mv -f "$made" "$library"
