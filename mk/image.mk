# The container image, packed without a container engine.
IMAGE ?= omniops:latest
IMAGE_FILE := $(B)/omniops-image.tar
IMAGE_TIME = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)

.PHONY: image
image: $(B)/omniops ## build/omniops-image.tar, a container image, without a container engine; IMAGE=omniops:latest
	$(call say,IMAGE,$(IMAGE_FILE))
	$(Q)root=$$(mktemp -d) && trap 'rm -rf "$$root"' EXIT && deploy/image/rootfs.sh $(B)/omniops "$$root" && \
		SOURCE_DATE_EPOCH=$(IMAGE_TIME) VERSION='$(VERSION)' deploy/image/archive.sh "$$root" $(IMAGE_FILE) '$(IMAGE)'
