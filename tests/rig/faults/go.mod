module omniops/tests/rig/faults

go 1.26.0

require (
	go.yaml.in/yaml/v4 v4.0.0-rc.4
	golang.org/x/net v0.58.0
)

require golang.org/x/text v0.42.0 // indirect
