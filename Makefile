# One line each: the work is in scripts/, where every step can be run alone.
.PHONY: sdk demo journey dev check test e2e bench

demo:    ; @scripts/demo.sh
journey: ; @scripts/journey.sh
dev:     ; @scripts/dev.sh
check:   ; @scripts/check.sh
test:    ; @scripts/test.sh
e2e:     ; @scripts/e2e.sh
bench:   ; @scripts/bench.sh
sdk:     ; @scripts/sdk.sh build
